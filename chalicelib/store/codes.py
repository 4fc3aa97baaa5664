"""Short-lived codes, each named by a hash: the table holds none that could be used."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class CodeItem(Record):
    """`until` is what counts, in ms; `ttl` only tidies."""

    class Meta(TableMeta):
        table_name = table_name("codes")

    name = UnicodeAttribute(hash_key=True)
    until = NumberAttribute()
    ttl = NumberAttribute()


class LoginCodeRecord(CodeItem):
    """Of few digits, sent to a phone or a mailbox. The newest one of a login counts."""

    hash = UnicodeAttribute()
    tries = NumberAttribute()


class AuthCodeRecord(CodeItem):
    """For a session of `user`, once."""

    user = UnicodeAttribute()
    subject = UnicodeAttribute()
    application = UnicodeAttribute()


class ShareCodeRecord(CodeItem):
    """What `user` shares with whoever shows it."""

    user = UnicodeAttribute()
    application = UnicodeAttribute()
    devices = UnicodeAttribute()  # JSON text: device to ms since which the user has been bound to it


class BindTokenRecord(CodeItem):
    """That the device, once it has reported it, may be bound by who shows it."""

    device = UnicodeAttribute(null=True)
    user = UnicodeAttribute(null=True)  # for whom an app has made it; nobody else may use it
    used = UnicodeAttribute(null=True)  # by this person
