"""Upgrades: one item collection each.

item of `upgrades`       what
<upgrade>, #upgrade      the upgrade itself
<upgrade>, C#<number>    a chunk: some devices, and a letter each for how their part stands
<upgrade>, S#<device>    a device's part in it

An upgrade with its chunks is one query, in order. `core/upgrade_states.py` has the letters.
"""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .base import Record, TableMeta, table_name

UPGRADE = "#upgrade"
CHUNK = "C#"
AFTER_CHUNKS = "D"
PART = "S#"


class UpgradesByOwner(GlobalSecondaryIndex["UpgradeRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = IncludeProjection(["kind", "type", "device_type", "model", "manufacturer_name"])

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class UpgradesByDevice(GlobalSecondaryIndex["PartRecord"]):
    class Meta:
        index_name = "by_device"
        projection = IncludeProjection(["kind"])

    device = UnicodeAttribute(hash_key=True)
    upgrade = UnicodeAttribute(range_key=True)


class UpgradesByDeadline(GlobalSecondaryIndex["UpgradeItem"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class UpgradeItem(Record):
    """Any item of an upgrade's collection."""

    class Meta(TableMeta):
        table_name = table_name("upgrades")

    upgrade = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # ms; when it is looked at next
    ttl = NumberAttribute(null=True)

    by_deadline = UpgradesByDeadline()


class UpgradeRecord(UpgradeItem, discriminator="upgrade"):
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that made it
    listing = UnicodeAttribute()
    type = UnicodeAttribute()  # "software" or "firmware"
    package = UnicodeAttribute()
    name = UnicodeAttribute()  # the package's, as all up to `sha256`
    version = UnicodeAttribute()
    device_type = UnicodeAttribute()
    model = UnicodeAttribute()
    manufacturer_name = UnicodeAttribute()
    size = NumberAttribute()
    sha256 = UnicodeAttribute()
    target = UnicodeAttribute()  # JSON text: what the caller asked for, without a list of devices
    policy = UnicodeAttribute()  # JSON text
    created = NumberAttribute()
    start = NumberAttribute()  # ms
    until = NumberAttribute()  # ms; what is left then is over
    chunks = NumberAttribute()  # so far
    place = UnicodeAttribute(null=True)  # JSON text: where the search for devices goes on; absent at its end
    finished = NumberAttribute(null=True)  # ms when it was found to be over

    by_owner = UpgradesByOwner()


class ChunkRecord(UpgradeItem, discriminator="chunk"):
    """`marks` run parallel to `devices`. `cut` is the letter of what the upgrade's end cuts off."""

    devices = ListAttribute[Any]()
    marks = ListAttribute[Any]()
    until = NumberAttribute()  # the upgrade's
    cut = UnicodeAttribute()
    ended = NumberAttribute(null=True)  # ms when the last of its parts was settled


class PartRecord(UpgradeItem, discriminator="part"):
    device = UnicodeAttribute()
    chunk = UnicodeAttribute()
    index = NumberAttribute()  # its place in the chunk
    status = UnicodeAttribute()  # the letter, as in the chunk's marks
    attempt = NumberAttribute()  # how often it was sent off
    failures = NumberAttribute()  # attempts that failed
    repeats = NumberAttribute(null=True)  # of the attempt's message
    heard = BooleanAttribute(null=True)  # the device has acknowledged the attempt's message, or reported
    step = NumberAttribute(null=True)  # the furthest the device reported in this attempt
    progress = NumberAttribute(null=True)  # percent of the step
    source = UnicodeAttribute(null=True)  # the device's version before
    started = NumberAttribute(null=True)  # ms of the first message
    fetching = NumberAttribute(null=True)  # ms when the download began, of this attempt
    fetched = NumberAttribute(null=True)  # … and ended
    stopped = NumberAttribute(null=True)  # ms when it was settled
    due = NumberAttribute(null=True)  # ms before which a failed one is not tried again
    confirmed = NumberAttribute(null=True)  # ms when a person had it go on
    detail = UnicodeAttribute(null=True)  # why the last attempt failed
    error = UnicodeAttribute(null=True)  # the device's own code for it

    by_device = UpgradesByDevice()


def chunk_item(number: int) -> str:
    return f"{CHUNK}{number:08d}"


def part_item(device: str) -> str:
    return f"{PART}{device}"
