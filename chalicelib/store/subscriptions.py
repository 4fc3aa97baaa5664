"""Who is told of which events, and how the targets are doing.

Each subscription is two items in its owner's collection, written in one transaction:
`I#<dialect>#<id>`, found by id and listed in order of creation, and
`K#<dialect>#<notify type>#<hash of the URL>`, which keeps the pair unique and serves dispatch:
all targets of one notify type are one query. `N#<dialect>` counts them.

A forwarding rule is one item, `R#<dialect>#<id>`: all of an owner in a dialect are one query.
"""

import hashlib

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from .base import Record, TableMeta, table_name


class SubscriptionRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("subscriptions")

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    id = UnicodeAttribute()
    dialect = UnicodeAttribute()
    notify_type = UnicodeAttribute()
    url = UnicodeAttribute()
    channel = UnicodeAttribute()
    created = NumberAttribute()
    maker = UnicodeAttribute(null=True)  # the application that made it for its owner, where that is another
    tied = BooleanAttribute(null=True)  # the URL is the maker's: nothing is sent once it is not authorised


class SubscriptionCountRecord(Record):
    """How many subscriptions an owner has in one dialect."""

    class Meta(TableMeta):
        table_name = table_name("subscriptions")

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    count_ = NumberAttribute(attr_name="count", default=0)


class RuleRecord(Record):
    """What is forwarded of one product's devices, and where to."""

    class Meta(TableMeta):
        table_name = table_name("subscriptions")

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    id = UnicodeAttribute()
    dialect = UnicodeAttribute()
    product = UnicodeAttribute()
    notify_types = UnicodeSetAttribute()
    channel = UnicodeAttribute()
    url = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)  # encrypted
    created = NumberAttribute()


def by_id(dialect: str = "", ident: str = "") -> str:
    """Key of one subscription, or the prefix of all, of one dialect or of every."""
    return f"I#{dialect}#{ident}" if dialect else "I#"


def by_type(dialect: str, notify_type: str) -> str:
    """Prefix of all subscriptions of one notify type."""
    return f"K#{dialect}#{notify_type}#"


def by_pair(dialect: str, notify_type: str, url: str) -> str:
    return by_type(dialect, notify_type) + hashlib.sha256(url.encode()).hexdigest()


def by_rule(dialect: str = "", ident: str = "") -> str:
    """Key of one rule, or the prefix of all, of one dialect or of every."""
    return f"R#{dialect}#{ident}" if dialect else "R#"


def counted(dialect: str) -> str:
    return f"N#{dialect}"


class TargetRecord(Record):
    """Health of one callback target as one owner meets it; a healthy one has no item.

    `target` is `<owner>|<scheme>://<host>:<port>`: by owner, because whoever could spoil a shared
    host's record would silence other tenants' callbacks.
    """

    class Meta(TableMeta):
        table_name = table_name("targets")

    target = UnicodeAttribute(hash_key=True)
    failures = NumberAttribute(default=0)  # in a row
    slow = NumberAttribute(default=0)  # slow answers in a row
    open_until = NumberAttribute(default=0)  # ms; nothing is sent before
    since = NumberAttribute(default=0)  # ms; of the first of the failures
    paused = NumberAttribute(default=0)  # ms; when it was given up for dead, 0 where it is not
    ttl = NumberAttribute(null=True)
