"""Devices nearby that nobody has bound yet: what bound devices have found, and what an app has found itself.

A device that is in the network hears of others that are not, and reports them. What it found is kept with it
for LIFE and shown to the people who are bound to it. Shown are devices of the application that the person
could bind: not the person's own, and, unless their product lets somebody else bind them, nobody's.

Source: Feiyan 6.9.1, 6.9.2
"""

from collections.abc import Iterable, Sequence

import msgspec

from ..store.devices import (
    BIND_TOKEN,
    DEVICE,
    FOUND,
    HOLDER,
    MANAGER,
    DeviceBindTokenRecord,
    DeviceItem,
    DeviceRecord,
    FoundRecord,
)
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Transaction, pause
from . import bind_tokens, bindings, clock, devices, products, registration
from .devices import Device
from .errors import Busy, DeviceNotFound, InvalidInput, NothingDiscovers
from .memberships import batched
from .paging import Part
from .products import Product, ShareMode
from .provisioning import mode_of
from .users import Person

LIFE = 10 * clock.MINUTE
MOST_FOUND = 50  # kept of a finder
MOST_NAMED = 200  # of one filter
READ_AT_ONCE = 100
TRIES = 5

Name = tuple[str, str]  # the product's short id, the device's name


class Sighting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a finder says of a device, and since when (ms). `router`: the finder is one."""

    product: str
    name: str
    first: int = 0
    last: int = 0
    ssid: str = ""
    bssid: str = ""
    rssi: str = ""
    router: bool = False


class Nearby(msgspec.Struct, frozen=True):
    """A device that could be bound. `token` is that which it has reported, while that is good."""

    device: Device
    product: Product
    token: str | None


class Discovered(msgspec.Struct, frozen=True):
    sighting: Sighting
    finder: Device
    finder_product: Product | None
    found: Nearby


def report(finder: str, found: Sequence[Sighting]) -> None:
    """Keep what a device has found, beside what it found a short time ago. Two AWS calls.

    Raises InvalidInput, DeviceNotFound, Busy.
    """
    if not 1 <= len(found) <= MOST_FOUND:
        raise InvalidInput("found", f"must have 1 to {MOST_FOUND} entries")
    for tried in range(TRIES):
        record, now = FoundRecord.find(finder, FOUND), clock.now()
        known = {(each.product, each.name): each for each in _sightings(record)}
        for each in found:
            before = known.pop((each.product, each.name), None)
            first = before.first if before is not None else now
            known[each.product, each.name] = msgspec.structs.replace(each, first=first, last=now)
        kept = list(known.values())[-MOST_FOUND:]
        written = FoundRecord(finder, FOUND, document=msgspec.json.encode(kept).decode())
        written.version = int(record.version) + 1 if record is not None else 1
        absent = FoundRecord.device.does_not_exist()
        change = Transaction()
        change.check(DeviceRecord(finder, DEVICE), devices.alive(), DeviceNotFound(finder))
        change.put(written, absent if record is None else FoundRecord.version == record.version)
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Busy(finder)


def discovered(person: Person, offset: int, limit: int, *, released: bool | None = None) -> Part[Discovered]:
    """What the person's devices have found, newest first; each device once. `released` narrows to products
    that are released, or are not.

    One AWS call, one for each fifty of the person's devices, and those of `nearby`. Raises NothingDiscovers
    where the person has no device. Source: Feiyan 6.9.1
    """
    bound = [each.device for each in bindings.of_user(person.user)]
    if not bound:
        raise NothingDiscovers(person.user)
    seen: dict[Name, tuple[Sighting, DeviceRecord]] = {}
    for some in batched(bound, READ_AT_ONCE // 2):
        held = find_all([(DeviceItem, each, item) for each in some for item in (DEVICE, FOUND)])
        for each in some:
            record, found = held.get((DeviceItem, each, DEVICE)), held.get((DeviceItem, each, FOUND))
            if not isinstance(record, DeviceRecord) or not isinstance(found, FoundRecord):
                continue
            for sighting in _sightings(found):
                name = sighting.product, sighting.name
                if name not in seen or seen[name][0].last < sighting.last:
                    seen[name] = sighting, record
    there = nearby(person, list(seen), released=released)
    ordered = sorted(there, key=lambda name: (-seen[name][0].last, name))
    items = []
    for name in ordered[offset : offset + limit]:
        sighting, finder = seen[name]
        items.append(
            Discovered(sighting, devices.device_of(finder), products.load(finder.product), there[name])
        )
    return Part(items, len(ordered))


def nearby(
    person: Person, names: Iterable[Name], *, also_own: Iterable[Name] = (), released: bool | None = None
) -> dict[Name, Nearby]:
    """Those of the named devices that the person could bind, and of `also_own` whoever is bound to them.

    One AWS call for a hundred names and one for 25 devices. Source: Feiyan 6.9.2
    """
    own, found = set(also_own), {}
    for name, target in _targets(person, dict.fromkeys(names)):
        found[name] = target
    items = (DEVICE, MANAGER, HOLDER + person.user, BIND_TOKEN)
    shown: dict[Name, Nearby] = {}
    for some in batched(list(found.items()), READ_AT_ONCE // len(items)):
        held = find_all([(DeviceItem, device, item) for _, device in some for item in items])
        for name, device in some:
            record, manager, holder, token = (held.get((DeviceItem, device, item)) for item in items)
            if not isinstance(record, DeviceRecord) or not devices.visible(person, record):
                continue
            product = products.load(record.product)
            if product is None or product.short_id != name[0]:
                continue
            if released is not None and products.is_released(product) is not released:
                continue
            others = manager is not None and mode_of(product).value == ShareMode.AUTHORIZED.value
            if name not in own and (holder is not None or others):
                continue
            told = token if isinstance(token, DeviceBindTokenRecord) else None
            shown[name] = Nearby(devices.device_of(record), product, bind_tokens.shown(told))
    return {name: shown[name] for name in found if name in shown}


def _targets(person: Person, names: Iterable[Name]) -> Iterable[tuple[Name, str]]:
    """The names that are known in the tenant, with the device of each."""
    for some in batched(names, READ_AT_ONCE):
        keys: dict[Key, list[Name]] = {}
        for name in some:
            alias = registration.node_alias(name[1], person.tenant, "")
            keys.setdefault((AliasRecord, alias.name, alias.scope), []).append(name)
        for key, held in find_all(keys).items():
            if isinstance(held, AliasRecord):
                for name in keys[key]:
                    yield name, held.target


def _sightings(record: FoundRecord | None) -> list[Sighting]:
    """Not those that are too old, oldest first."""
    if record is None:
        return []
    found = msgspec.json.decode(record.document, type=list[Sighting])
    return [each for each in found if clock.now() - each.last < LIFE]
