"""Automations: one item collection each, and what leads to them.

item of `automations`     what
<automation>, #rule       the automation itself
<automation>, #state      what its conditions came to and when its next time is; only while it is enabled
<automation>, R#<run>     a run
D#<device>, <automation>  what of the device an enabled automation looks at
N#<owner>, #count         how many an application has

The automations that look at a device are one query.
"""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .base import Record, TableMeta, table_name

RULE = "#rule"
STATE = "#state"
RUN = "R#"
COUNT = "#count"


class AutomationsByOwner(GlobalSecondaryIndex["RuleRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = IncludeProjection(["kind"])

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class StatesByDeadline(GlobalSecondaryIndex["StateRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class RunsByDeadline(GlobalSecondaryIndex["RunRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class AutomationItem(Record):
    """Any item of an automation's collection."""

    class Meta(TableMeta):
        table_name = table_name("automations")

    automation = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()


class RuleRecord(AutomationItem, discriminator="rule"):
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that made it
    listing = UnicodeAttribute()
    enabled = BooleanAttribute()
    rule = UnicodeAttribute()  # JSON text
    created = NumberAttribute()
    modified = NumberAttribute()

    by_owner = AutomationsByOwner()


class StateRecord(AutomationItem, discriminator="state"):
    version = UnicodeAttribute()  # another one with every change
    conditions = UnicodeAttribute()  # JSON text: condition to what it came to
    minute = NumberAttribute(null=True)  # since 1970, of the newest run
    fired = NumberAttribute(null=True)  # runs in that minute
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # ms of its next time

    by_deadline = StatesByDeadline()


class RunRecord(AutomationItem, discriminator="run"):
    """`results` run parallel to the rule's actions: JSON text, or NEW of `core/automation_runs.py`."""

    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()
    at = NumberAttribute()  # ms
    status = UnicodeAttribute()
    rule = UnicodeAttribute()  # JSON text, as it was then
    reasons = UnicodeAttribute()  # JSON text
    results = ListAttribute[Any]()
    finished = NumberAttribute(null=True)  # ms
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when it is taken up again; absent once it is done
    ttl = NumberAttribute()

    by_deadline = RunsByDeadline()


class WatchRecord(AutomationItem, discriminator="watch"):
    facts = UnicodeSetAttribute()


class AutomationCountRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("automations")

    automation = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    count_ = NumberAttribute(attr_name="count", default=0)


def watched(device: str) -> str:
    return f"D#{device}"


def counted(owner: str) -> str:
    return f"N#{owner}"
