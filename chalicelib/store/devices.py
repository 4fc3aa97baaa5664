"""A device and all that belongs to it, one item collection.

    item            what
    #device         the device itself
    S               the newest stamp of its shadows, where it is not that of the only one
    S#<service>     its shadow, an item per service
    W#credentials   secrets, encrypted
    W#group         the group it belongs to
    W#link          the MQTT client that speaks for it now
    W#queue         what waits to be sent: command ids, services with desired values, upgrades; the next mid
    W#lora          of a LoRa gateway or node: its server, EUI and keys
    W#properties    what apps have written down about it, by names of their own
    W#token         the bind token that it has reported, encrypted
    W#found         devices nearby that it has found
    W#manager       the person who manages it, and how many are bound to it
    U#<user>        a person bound to it
    X#mid#<n>       which command a mid stands for
    X#lora#<id>     of a LoRa server: what it has to learn, by time

A device with its services is one query: from `#device` up to, not including, `T`.
"""

from collections.abc import Collection
from typing import Any, TypeVar

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .base import Record, TableMeta, table_name

DEVICE = "#device"
STAMP = "S"
SHADOW = "S#"
AFTER_SHADOWS = "T"
NOTHING = "{}"  # reported by a service before its first report
CREDENTIALS = "W#credentials"
MEMBER = "W#group"
LINK = "W#link"
QUEUE = "W#queue"
LORA = "W#lora"
PROPERTIES = "W#properties"
BIND_TOKEN = "W#token"  # noqa: S105 - an item, not a secret
FOUND = "W#found"
MANAGER = "W#manager"
HOLDER = "U#"
AFTER_HOLDERS = "V"
MID = "X#mid#"
LORA_NOTICE = "X#lora#"

# PynamoDB asks an index for the kind of item too, so each index has to carry it.
POINTED = [
    *("kind", "owner", "number", "mac_key", "name", "status", "activated", "fw_version", "last_seen"),
    *("activated_at", "last_login", "last_login_ip", "sw_version", "hw_version", "region", "created"),
]
LISTED = ["kind", "product", "node_type", "device_type", "location", "name", "status"]


class ServiceSetAttribute(UnicodeSetAttribute):
    """Of services, one of which may have no name: DynamoDB's sets take no empty text."""

    def serialize(self, value: Collection[str]) -> list[str] | None:
        return ["#" + each if each[:1] in ("", "#") else each for each in value] or None

    def deserialize(self, value: Collection[str]) -> set[str]:
        return {each.removeprefix("#") for each in value}


class DevicesByOwner(GlobalSecondaryIndex["DeviceRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = IncludeProjection(LISTED)

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class DevicesByGateway(GlobalSecondaryIndex["DeviceRecord"]):
    class Meta:
        index_name = "by_gateway"
        projection = IncludeProjection(["owner", *LISTED])

    gateway = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class DevicesByProduct(GlobalSecondaryIndex["DeviceRecord"]):
    class Meta:
        index_name = "by_product"
        projection = IncludeProjection(POINTED)

    product = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class DevicesByDeadline(GlobalSecondaryIndex["DeviceRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class DevicesBySilence(GlobalSecondaryIndex["DeviceRecord"]):
    class Meta:
        index_name = "by_silence"
        projection = IncludeProjection(["kind"])

    watch = UnicodeAttribute(hash_key=True)
    silence = NumberAttribute(range_key=True)


class DevicesByGroup(GlobalSecondaryIndex["MemberRecord"]):
    class Meta:
        index_name = "by_group"
        projection = IncludeProjection(["kind", "operation", "leaving"])

    group = UnicodeAttribute(hash_key=True)
    device = UnicodeAttribute(range_key=True)


class ShadowsByDeadline(GlobalSecondaryIndex["ShadowRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class LoraNoticesByDeadline(GlobalSecondaryIndex["LoraNoticeRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class DeviceItem(Record):
    """Any item of a device's collection."""

    class Meta(TableMeta):
        table_name = table_name("devices")

    device = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()


class DeviceRecord(DeviceItem, discriminator="device"):
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()  # the application it was registered by
    listing = UnicodeAttribute()
    gateway = UnicodeAttribute()  # its own id for a direct device
    product = UnicodeAttribute()
    node_type = UnicodeAttribute()
    node_id = UnicodeAttribute()
    number = NumberAttribute(null=True)  # unique in its product
    mac_key = UnicodeAttribute(null=True)  # 12 hex digits, unique in its product
    status = UnicodeAttribute()
    status_detail = UnicodeAttribute()
    activated = BooleanAttribute()
    activated_at = NumberAttribute(null=True)  # ms of its first contact ever
    last_login = NumberAttribute(null=True)  # ms when its connection was announced last
    last_login_ip = UnicodeAttribute(null=True)
    created = NumberAttribute()
    modified = NumberAttribute()
    last_seen = NumberAttribute(null=True)
    deleted = BooleanAttribute(null=True)  # a tombstone: only the purge sees it
    keep_children = BooleanAttribute(null=True)  # of a tombstone: children become direct devices
    registration = UnicodeAttribute()  # how it was registered: "code" or "secret"
    timeout = NumberAttribute(null=True)  # s in which it has to appear; 0 is for ever
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when an unactivated registration ends
    watch = UnicodeAttribute(null=True)  # shard of those that may fall silent
    silence = NumberAttribute(null=True)  # when to look whether it has: `core/ageing.py`
    ageing = NumberAttribute(null=True)  # days its history is kept
    mute = BooleanAttribute(null=True)
    automations = NumberAttribute(null=True)  # enabled ones with a condition on it
    people = BooleanAttribute(null=True)  # somebody is bound to it, or was
    is_secure = BooleanAttribute(null=True)
    name = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    manufacturer_id = UnicodeAttribute(null=True)
    manufacturer_name = UnicodeAttribute(null=True)
    device_type = UnicodeAttribute(null=True)
    model = UnicodeAttribute(null=True)
    protocol_type = UnicodeAttribute(null=True)
    location = UnicodeAttribute(null=True)
    mac = UnicodeAttribute(null=True)
    sw_version = UnicodeAttribute(null=True)
    fw_version = UnicodeAttribute(null=True)
    hw_version = UnicodeAttribute(null=True)
    serial_number = UnicodeAttribute(null=True)
    signal_strength = UnicodeAttribute(null=True)
    battery_level = UnicodeAttribute(null=True)
    imsi = UnicodeAttribute(null=True)
    ip = UnicodeAttribute(null=True)
    end_user = UnicodeAttribute(null=True)
    organization = UnicodeAttribute(null=True)
    region = UnicodeAttribute(null=True)
    timezone = UnicodeAttribute(null=True)
    tags = JSONAttribute(null=True)
    custom_fields = JSONAttribute(null=True)

    by_owner = DevicesByOwner()
    by_gateway = DevicesByGateway()
    by_product = DevicesByProduct()
    by_deadline = DevicesByDeadline()
    by_silence = DevicesBySilence()


class ShadowRecord(DeviceItem, discriminator="shadow"):
    """State of one service. Documents are JSON text: DynamoDB maps would turn 1.0 into 1."""

    reported = UnicodeAttribute()
    times = UnicodeAttribute()  # JSON: field to the time it was reported, ms
    stamps = UnicodeAttribute(null=True)  # JSON: field to the stamp under which it, or its end, was written
    at = NumberAttribute()  # time of the newest report, ms; 0 before the first
    version = NumberAttribute()  # of the item, whatever in it was written
    desired = UnicodeAttribute(null=True)
    desired_times = UnicodeAttribute(null=True)  # JSON: field to the stamp under which it was set or deleted
    forgotten = NumberAttribute(null=True)  # the newest stamp of a deletion that is remembered no more
    stamp = NumberAttribute(null=True)  # of the newest change of a document, ms; never repeats
    changes = UnicodeAttribute(null=True)  # JSON: changes of desired values that are not settled
    busy = NumberAttribute(null=True)  # ms until which a message may be on its way
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when one of the changes is due

    by_deadline = ShadowsByDeadline()


class StampRecord(DeviceItem, discriminator="stamp"):
    """Of the newest change of any of a device's shadows: `core/shadow_stamps.py`."""

    stamp = NumberAttribute()  # ms; never repeats
    wanted = NumberAttribute()  # that of the newest change of desired values, 0 before the first
    services = ServiceSetAttribute(null=True)  # those that were written under `stamp`


class CredentialsRecord(DeviceItem, discriminator="credentials"):
    tenant = UnicodeAttribute()
    node_id = UnicodeAttribute()
    secret = UnicodeAttribute(null=True)  # encrypted
    psk = UnicodeAttribute(null=True)  # encrypted
    verify_hash = UnicodeAttribute(null=True)
    for_children = BooleanAttribute(null=True)  # may publish for them; "gateway" is a key of an index


class MemberRecord(DeviceItem, discriminator="member"):
    """A change of many members at once (`operation`) that is under way, or not cleared up, makes it
    join or, with `leaving`, leave; `core/memberships.py` says what counts.
    """

    group = UnicodeAttribute()
    operation = UnicodeAttribute(null=True)
    leaving = BooleanAttribute(null=True)

    by_group = DevicesByGroup()


class LinkRecord(DeviceItem, discriminator="link"):
    client = UnicodeAttribute()
    previous = UnicodeAttribute(null=True)  # the client it took over from, to be disconnected
    dialect = UnicodeAttribute()
    codec = UnicodeAttribute(null=True)  # "json" or "binary": how it last spoke
    topic_id = UnicodeAttribute()  # the id in its topics: device id or node id
    admitted = NumberAttribute(null=True)  # ms of the last CONNECT
    since = NumberAttribute()  # ms when its connection was announced last, or ended
    session = UnicodeAttribute(null=True)  # the broker's session id, once announced
    ended = ListAttribute[Any](null=True)  # the last session ids that have ended
    online = BooleanAttribute()


class QueueRecord(DeviceItem, discriminator="queue"):
    waiting = ListAttribute[Any](null=True)  # of command ids
    flying = UnicodeAttribute(null=True)  # the cached command in flight
    mid = NumberAttribute(null=True)  # the last mid given out
    shadows = ServiceSetAttribute(null=True)  # services whose desired values wait to be sent
    upgrades = UnicodeSetAttribute(null=True)  # those in which it is to take part
    upgrading = UnicodeAttribute(null=True)  # the one it is told of; one at a time


class MidRecord(DeviceItem, discriminator="mid"):
    command = UnicodeAttribute()


class LoraRecord(DeviceItem, discriminator="lora"):
    """What a LoRa gateway or node has beside an ordinary device. Codes and keys are encrypted."""

    tenant = UnicodeAttribute()
    server = UnicodeAttribute()  # the device that it was registered for
    role = UnicodeAttribute()
    eui = UnicodeAttribute()
    access_code = UnicodeAttribute(null=True)
    app_eui = UnicodeAttribute(null=True)
    device_class = UnicodeAttribute(null=True)
    join_type = UnicodeAttribute(null=True)
    dev_addr = UnicodeAttribute(null=True)
    app_key = UnicodeAttribute(null=True)
    app_session_key = UnicodeAttribute(null=True)
    network_session_key = UnicodeAttribute(null=True)


class LoraNoticeRecord(DeviceItem, discriminator="lora_notice"):
    """The server has to learn that `child` was registered or, with `gone`, deleted."""

    child = UnicodeAttribute()
    role = UnicodeAttribute()
    eui = UnicodeAttribute()
    gone = BooleanAttribute()
    busy = NumberAttribute(null=True)  # ms until which a message may be on its way
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when to look whether it was sent

    by_deadline = LoraNoticesByDeadline()


class PropertiesRecord(DeviceItem, discriminator="properties"):
    """JSON text, as with shadows. One that is empty stays, so that its version never repeats."""

    document = UnicodeAttribute()
    version = NumberAttribute()


class DeviceBindTokenRecord(DeviceItem, discriminator="bind-token"):
    """Gone once it is used."""

    tenant = UnicodeAttribute()
    token = UnicodeAttribute()  # encrypted
    until = NumberAttribute()  # ms


class FoundRecord(DeviceItem, discriminator="found"):
    document = UnicodeAttribute()  # JSON text
    version = NumberAttribute()


class HolderRecord(DeviceItem, discriminator="holder"):
    """A person bound to the device; the person's own side is in `store/users.py`."""

    tenant = UnicodeAttribute()
    application = UnicodeAttribute()
    role = UnicodeAttribute()
    bound = NumberAttribute()  # ms


class ManagerRecord(DeviceItem, discriminator="manager"):
    """There while anybody is bound to the device: of several people who bind it one is the manager."""

    user = UnicodeAttribute()
    holders = NumberAttribute()  # people bound to it


class SessionRecord(Record):
    """MQTT client id to device, or to an app's channel, written by the authorizer."""

    class Meta(TableMeta):
        table_name = table_name("sessions")

    client = UnicodeAttribute(hash_key=True)
    device = UnicodeAttribute()
    tenant = UnicodeAttribute()
    dialect = UnicodeAttribute()
    topic_id = UnicodeAttribute()
    since = NumberAttribute()
    channel = BooleanAttribute(null=True)
    ttl = NumberAttribute()


T = TypeVar("T", bound=DeviceItem)


class Parts:
    """Some items of one device's collection, read together."""

    def __init__(self, device: str, *items: str) -> None:
        """One consistent AWS call per hundred items."""
        keys = [(device, item) for item in dict.fromkeys(items)]
        self._found: dict[str, DeviceItem] = {
            record.item: record for record in DeviceItem.batch_get(keys, consistent_read=True)
        }

    def get(self, item: str, kind: type[T]) -> T | None:
        found = self._found.get(item)
        return found if isinstance(found, kind) else None
