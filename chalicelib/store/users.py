"""A person and all that belongs to one, one item collection.

    item            what
    #user           the person
    B               the order in which the person wants the devices listed
    B#<device>      a device the person is bound to
    P#<phone>       a phone that the person's messages are to reach

and what people share with each other (`store/shares.py`).

The other side of a binding stands with the device (`store/devices.py`, items `U#<user>` and
`W#manager`). A person with order and bindings is one query: from `#user` up to, not including, `C`.
"""

from pynamodb.attributes import BooleanAttribute, DiscriminatorAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .base import Record, TableMeta, table_name

USER = "#user"
ORDER = "B"
BINDING = "B#"
AFTER_BINDINGS = "C"
CHANNEL = "P#"
AFTER_CHANNELS = "Q"


class UsersByOwner(GlobalSecondaryIndex["UserRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = IncludeProjection(["kind"])

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class UsersByDeadline(GlobalSecondaryIndex["UserRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class UserItem(Record):
    """Any item of a person's collection."""

    class Meta(TableMeta):
        table_name = table_name("users")

    user = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()


class UserRecord(UserItem, discriminator="user"):
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()  # the application whose person it is
    listing = UnicodeAttribute(null=True)  # absent from a tombstone
    created = NumberAttribute()
    modified = NumberAttribute()
    login = UnicodeAttribute(null=True)  # a name of the person's choice
    phone = UnicodeAttribute(null=True)  # digits, without the country's
    location_code = UnicodeAttribute(null=True)  # of the phone's country: 86
    email = UnicodeAttribute(null=True)
    open_id = UnicodeAttribute(null=True)  # in another system of people
    password = UnicodeAttribute(null=True)  # hashed, see core/passwords.py
    version = NumberAttribute()  # of the password
    nickname = UnicodeAttribute(null=True)
    avatar = UnicodeAttribute(null=True)  # a URL
    gender = UnicodeAttribute(null=True)
    country = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)  # how the person came
    app_key = UnicodeAttribute(null=True)  # the key under which the person came
    last_login = NumberAttribute(null=True)  # ms
    bindings = NumberAttribute()  # how many
    deleted = BooleanAttribute(null=True)  # a tombstone: only the clearing sees it
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when a clearing that was lost is sent again

    by_owner = UsersByOwner()
    by_deadline = UsersByDeadline()


class OrderRecord(UserItem, discriminator="order"):
    devices = UnicodeAttribute()  # JSON text: ids; those it does not name come before them
    at = NumberAttribute()  # ms; what is bound later comes before them, too
    version = NumberAttribute()


class BindingRecord(UserItem, discriminator="binding"):
    role = UnicodeAttribute()
    bound = NumberAttribute()  # ms
    modified = NumberAttribute()  # ms
    nickname = UnicodeAttribute(null=True)  # what the person calls the device
    home = UnicodeAttribute(null=True)  # for which it was bound, where one was named


class ChannelRecord(UserItem, discriminator="channel"):
    system = UnicodeAttribute()  # of the phone
    bound = NumberAttribute()  # ms
