"""Devices by product and name, many at once.

Source: Feiyan (productKey and deviceName)
"""

from collections.abc import Iterable

import msgspec

from ..store.base import Record
from ..store.devices import DEVICE, MANAGER, DeviceRecord, ManagerRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from . import devices, ids, products, registration
from .applications import Caller
from .devices import Device

AT_ONCE = 100  # items of one read

Name = tuple[str, str]  # a product's short id, and the device's node id


class Found(msgspec.Struct, frozen=True):
    """`manager` is the person who manages the device."""

    device: Device
    product: products.Product
    manager: str | None


def by_name(caller: Caller, wanted: Iterable[Name]) -> dict[Name, str]:
    """Ids of devices with these names in the tenant, absent ones left out; whose they are is not asked, nor
    of which product. One AWS call a hundred.
    """
    aliases = {name: registration.node_alias(name[1], caller.tenant, "") for name in wanted}
    keys: list[Key] = [(AliasRecord, each.name, each.scope) for each in aliases.values()]
    found = _read(keys)
    targets = {key[1]: record.target for key, record in found.items() if isinstance(record, AliasRecord)}
    return {name: targets[alias.name] for name, alias in aliases.items() if alias.name in targets}


def read(caller: Caller, wanted: Iterable[str]) -> dict[str, Found]:
    """The application's devices of these ids. One AWS call for fifty, one more where products were not read
    seconds ago.
    """
    known = [each for each in dict.fromkeys(wanted) if ids.is_random_id(each)]
    keys: list[Key] = []
    for each in known:
        keys += [(DeviceRecord, each, DEVICE), (ManagerRecord, each, MANAGER)]
    held = _read(keys)
    present = {each: held.get((DeviceRecord, each, DEVICE)) for each in known}
    alive = {
        each: devices.device_of(record)
        for each, record in present.items()
        if isinstance(record, DeviceRecord) and devices.visible(caller, record)
    }
    of = products.load_all({each.product for each in alive.values()})
    found: dict[str, Found] = {}
    for each, device in alive.items():
        manager = held.get((ManagerRecord, each, MANAGER))
        if device.product in of:
            user = manager.user if isinstance(manager, ManagerRecord) else None
            found[each] = Found(device, of[device.product], user)
    return found


def named(caller: Caller, wanted: Iterable[Name]) -> dict[Name, Found]:
    """The application's devices of these products and names. As `by_name` and `read`."""
    known = by_name(caller, wanted)
    found = read(caller, known.values())
    return {
        name: found[device]
        for name, device in known.items()
        if device in found and found[device].product.short_id == name[0]
    }


def _read(keys: list[Key]) -> dict[Key, Record]:
    found: dict[Key, Record] = {}
    for at in range(0, len(keys), AT_ONCE):
        found |= find_all(keys[at : at + AT_ONCE])
    return found
