"""Devices and extended properties on the wire. Source: XLink 20 to 30"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...core.extended_properties import LONGEST_NAME
from .schema import Id, ProductPath, Wire

LIST_SIZE = 10
MOST_LISTED = 1000
MOST_OFFSET = 2**31 - 1
MOST_CHOSEN = 100  # fields of a filter
MOST_VALUES = 1000  # of `$in`

Name256 = Annotated[str, Meta(max_length=256)]
Integer32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class DevicePath(Wire, frozen=True):
    product_id: Id
    device_id: int


class PropertyPath(Wire, frozen=True):
    product_id: Id
    device_id: int
    key: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]


class NewDevice(Wire, frozen=True):
    """`mac` is 12 hex digits in either case, also in pairs divided by `:` or `-`."""

    mac: str


class NewName(Wire, frozen=True):
    name: Name256


class DeviceInfo(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """What is not known is "", 0 or false; a device without a name has none here.

    `active_code` and `authorize_code` have 32 characters where the device was added by this dialect.
    """

    id: Integer32
    mac: str
    name: str | None = None
    is_active: bool
    active_date: str
    is_online: bool
    last_login: str
    last_login_ip: str
    active_code: str
    authorize_code: str
    mcu_mod: str
    mcu_version: Integer32
    firmware_mod: str
    firmware_version: Integer32
    corp_id: str
    product_id: str
    region_id: str
    create_time: str
    creator_id: str
    creator_type: int


class DevicesQuery(Wire, frozen=True):
    """`filter` names the fields that are shown, extended properties among them; none shows all base fields.

    `query` gives a value, or commands of `$in`, `$lt`, `$lte`, `$gt`, `$gte` and `$like`, all of which
    hold, for each of `id`, `mac`, `is_online` and `firmware_version`. `order` gives `asc` or `desc` for
    base fields, the first counting most.
    """

    offset: Annotated[int, Meta(ge=0, le=MOST_OFFSET)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_LISTED)] | None = None
    filter: Annotated[list[str], Meta(max_length=MOST_CHOSEN)] | None = None
    query: dict[str, Any] | None = None
    order: dict[str, str] | None = None


def _fields() -> dict[str, Any]:
    """What an item of a list may hold beside extended properties: all but the enterprise's id."""
    described = msgspec.json.schema(DeviceInfo)["$defs"]["DeviceInfo"]["properties"]
    return {name: schema for name, schema in described.items() if name != "corp_id"}


ListedDevice = Annotated[dict[str, Any], Meta(extra_json_schema={"properties": _fields()})]


class DeviceList(Wire, frozen=True):
    """`count` is over the whole list; each device has the fields that `filter` has chosen."""

    count: int
    list: list[ListedDevice]


__all__ = [
    "DeviceInfo",
    "DeviceList",
    "DevicePath",
    "DevicesQuery",
    "NewDevice",
    "NewName",
    "ProductPath",
    "PropertyPath",
]
