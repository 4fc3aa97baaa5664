"""The devices of a product: by their number, and in lists.

Which devices there are comes from an index, which may lag: one that vanished since is left out, as is
one that no longer matches. A device that is named, by number or by MAC address, is found by its alias.

Source: XLink 22 to 25
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from ..aws import encryption
from ..store import counters
from ..store.devices import (
    CREDENTIALS,
    DEVICE,
    PROPERTIES,
    CredentialsRecord,
    DeviceItem,
    DeviceRecord,
    PropertiesRecord,
)
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.walks import Key as Place
from ..store.walks import Walk
from . import (
    device_query,
    devices,
    extended_properties,
    modification,
    paging,
    products,
    registration,
    removal,
)
from .applications import Caller
from .device_query import Condition, Field, Operator, Selection, Sorter
from .devices import Device
from .errors import DeviceActive, DeviceNotFound, ListTooLong
from .memberships import batched
from .modification import Changes
from .paging import Part, Source

MOST_NUMBER = 2**31 - 1
READ_AT_ONCE = 100
ROUNDS = 4  # reads to fill a page whose devices turn out hidden; then it stays short
EVERYTHING = Selection()
ALIASES: Mapping[Field, Callable[[Any, str, str], AliasRecord]] = {
    Field.NUMBER: registration.number_alias,
    Field.MAC: registration.mac_alias,
}


class Shown(msgspec.Struct, frozen=True):
    """A device with what proves it, "" where it has none, and what apps have written down about it."""

    device: Device
    secret: str = ""
    psk: str = ""
    properties: Mapping[str, msgspec.Raw] = {}


def find(caller: Caller, product: str, number: int) -> str:
    """The id of a product's device; whether the caller may see it is not asked here.

    One AWS call where the product was read seconds ago. Raises ProductNotFound, DeviceNotFound.
    """
    products.get(caller.tenant, product)
    alias = registration.number_alias(number, product, "")
    held = AliasRecord.find(alias.name, alias.scope) if 0 < number <= MOST_NUMBER else None
    if held is None:
        raise DeviceNotFound(str(number))
    return str(held.target)


def get(caller: Caller, product: str, number: int) -> Shown:
    """Two AWS calls where the product was read seconds ago. Raises ProductNotFound, DeviceNotFound.

    Source: XLink 22
    """
    device = find(caller, product, number)
    record, shown = _read_one(caller, device)
    return msgspec.structs.replace(shown, device=devices.device_of(record))


def rename(caller: Caller, product: str, number: int, name: str) -> Shown:
    """Three AWS calls, `get` and the change. Raises ProductNotFound, DeviceNotFound, Busy.

    Source: XLink 23
    """
    record, shown = _read_one(caller, find(caller, product, number))
    changed = modification.apply(caller, record, Changes(name=name))
    return msgspec.structs.replace(shown, device=changed)


def delete(caller: Caller, product: str, number: int) -> None:
    """Delete a device that was never in contact; children that it has become direct devices.

    Four AWS calls where the product was read seconds ago. Raises ProductNotFound, DeviceNotFound,
    DeviceActive, Busy. Source: XLink 25
    """
    removal.delete(caller, find(caller, product, number), cascade=False, check=_check_inactive)


def _check_inactive(record: DeviceRecord, _lora: object) -> None:
    if record.activated:
        raise DeviceActive(record.device)


def _read_one(caller: Caller, device: str) -> tuple[DeviceRecord, Shown]:
    items = _items([device], (DEVICE, CREDENTIALS))
    record = items.get((device, DEVICE))
    if not isinstance(record, DeviceRecord) or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    return record, _shown(record, items)


def part(
    caller: Caller,
    product: str,
    selection: Selection,
    offset: int,
    limit: int,
    *,
    secrets: bool = True,
    properties: bool = False,
) -> Part[Shown]:
    """Devices from `offset` on, as registered where the selection does not sort; `secrets` and
    `properties` only where they are wanted.

    AWS calls where the product was read seconds ago: a batch read per hundred items of the answer and

    - without a selection: a query, one that keeps the place, and on the first part one for the total;
    - where the selection names devices: a batch read per hundred names, and one per hundred devices;
    - else on the first part a query per megabyte of the index (some 2,500 devices), and those of
      `paging.part_listed`.

    Raises ProductNotFound, ListTooLong. Source: XLink 24
    """
    products.get(caller.tenant, product)
    items = [DEVICE, *([CREDENTIALS] if secrets else []), *([PROPERTIES] if properties else [])]
    names = _names(product, selection.conditions)
    if names is not None:
        found = _named(caller, product, selection, names)
        shown = _read(caller, product, selection, items, found[offset : offset + limit])
        return Part(shown, len(found))
    name = paging.name(caller.tenant, caller.owner, "product devices", product, selection)
    read = partial(_read, caller, product, selection, items)
    if selection == EVERYTHING:
        return paging.part(name, offset, limit, _source(caller, product, read))
    return paging.part_listed(name, offset, limit, partial(_collect, caller, product, selection), read)


def _source(caller: Caller, product: str, read: Callable[[list[str]], list[Shown]]) -> Source[Shown]:
    walk = _walk(caller, product)

    def fetch(start: Place | None, limit: int) -> tuple[list[Shown], Place | None]:
        shown: list[Shown] = []
        place = start
        for _ in range(ROUNDS):
            records, place = walk.read(place, limit - len(shown))
            shown += read([record.device for record in records])
            if place is None or len(shown) == limit:
                break
        return shown, place

    total = registration.total_name(caller.owner, product)
    return Source(fetch, walk.skip, lambda: counters.total(total))


def _walk(caller: Caller, product: str, selection: Selection = EVERYTHING) -> Walk[DeviceRecord]:
    own = DeviceRecord.owner == caller.owner
    narrowed = device_query.narrowed(selection.conditions)
    return Walk(
        DeviceRecord,
        product,
        DeviceRecord.listing,
        index="by_product",
        holds=own if narrowed is None else own & narrowed,
        attributes=("device", *sorted(device_query.attributes(selection))),
    )


def _collect(caller: Caller, product: str, selection: Selection) -> Iterator[str]:
    sorter = Sorter(selection.orders)
    for found in _walk(caller, product, selection).facts():
        for each in found:
            if device_query.matches(each, selection.conditions):
                sorter.add(each)
        if len(sorter) > paging.MOST_LISTED:
            raise ListTooLong(f"more than {paging.MOST_LISTED}")
    return iter(sorter.sorted())


def _names(product: str, conditions: Iterable[Condition]) -> list[AliasRecord] | None:
    """Aliases of which every device that meets the conditions has one; None where they name none."""
    for each in conditions:
        if each.field in ALIASES and each.operator in (Operator.EQUAL, Operator.IN):
            wanted = each.value if each.operator is Operator.IN else (each.value,)
            return [ALIASES[each.field](value, product, "") for value in dict.fromkeys(wanted)]
    return None


def _named(caller: Caller, product: str, selection: Selection, names: list[AliasRecord]) -> list[str]:
    """Ids of the devices that have one of the names and match, sorted."""
    targets: dict[str, None] = {}
    for some in batched(names, READ_AT_ONCE):
        keys: list[Key] = [(AliasRecord, each.name, each.scope) for each in some]
        found = find_all(keys).values()
        targets |= {each.target: None for each in found if isinstance(each, AliasRecord)}
    items = _items(targets, (DEVICE,)).values()
    records = [each for each in items if isinstance(each, DeviceRecord) and devices.visible(caller, each)]
    sorter = Sorter(selection.orders)
    for record in sorted(records, key=lambda each: each.listing):
        if record.product == product and device_query.matches(record, selection.conditions):
            sorter.add(record)
    return sorter.sorted()


def _read(
    caller: Caller, product: str, selection: Selection, items: Sequence[str], wanted: Sequence[str]
) -> list[Shown]:
    """Those that can still be seen and match, in the order of the ids."""
    found = _items(wanted, items)
    shown = []
    for device in wanted:
        record = found.get((device, DEVICE))
        if (
            isinstance(record, DeviceRecord)
            and devices.visible(caller, record)
            and record.product == product
            and device_query.matches(record, selection.conditions)
        ):
            shown.append(_shown(record, found))
    return shown


def _items(wanted: Iterable[str], items: Sequence[str]) -> dict[tuple[str, str], DeviceItem]:
    """One AWS call per hundred items."""
    keys = iter([(device, item) for device in wanted for item in items])
    found: dict[tuple[str, str], DeviceItem] = {}
    while some := list(islice(keys, READ_AT_ONCE)):
        for each in DeviceItem.batch_get(some, consistent_read=True):
            found[each.device, each.item] = each
    return found


def _shown(record: DeviceRecord, items: Mapping[tuple[str, str], DeviceItem]) -> Shown:
    held = items.get((record.device, CREDENTIALS))
    noted = items.get((record.device, PROPERTIES))
    return Shown(
        devices.device_of(record),
        *(_secrets(held) if isinstance(held, CredentialsRecord) else ("", "")),
        properties=extended_properties.decode(noted) if isinstance(noted, PropertiesRecord) else {},
    )


def _secrets(held: CredentialsRecord) -> tuple[str, str]:
    secret, psk = (
        encryption.decrypt(text, held.tenant, held.device, field) if text else ""
        for text, field in ((held.secret, "secret"), (held.psk, "psk"))
    )
    return secret, psk
