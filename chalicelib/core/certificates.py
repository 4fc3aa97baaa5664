"""The certificates of a batch: product, name and secret of each of its devices.

A device that is not registered yet is listed as it will be; one that was deleted is left out, as is one
whose name another device got first. So is the secret the present one, where it was changed since.

Source: Feiyan 7.2.6, 7.2.8
"""

from collections.abc import Iterable, Sequence

import msgspec

from ..store.base import Record
from ..store.devices import CREDENTIALS, DEVICE, CredentialsRecord, DeviceRecord
from ..store.production import LaneRecord, ProductionRecord
from ..store.reading import Key, find_all
from . import credentials, devices, production
from .applications import Caller
from .devices import Device
from .errors import BatchNotFound
from .memberships import batched
from .paging import Part
from .production import Positions

READ_AT_ONCE = 50  # devices: two items each


class Certificate(msgspec.Struct, frozen=True):
    """`state` is None while the device is being registered."""

    device: str
    product: str
    name: str
    secret: str
    state: Device | None = None


class GatewayCertificate(msgspec.Struct, frozen=True):
    """A gateway, and those made with it that still exist."""

    gateway: Certificate
    children: list[Certificate]


def of_batch(caller: Caller, batch: str, offset: int, limit: int) -> Part[Certificate]:
    """Certificates from the position `offset` on; none of a list of names that is not generated.

    `total` is the number that was promised, less the names that were taken meanwhile. Two AWS calls, and
    one for every READ_AT_ONCE devices. Raises BatchNotFound. Source: Feiyan 7.2.6
    """
    record = production.record_of(caller, batch)
    if not record.lanes:
        return Part([], 0)
    positions = Positions(record)
    span = range(offset, min(offset + limit, positions.count))
    found = _read(caller, record, positions, span)
    return Part([found[at] for at in span if at in found], positions.count - len(record.skipped or ()))


def of_gateways(
    caller: Caller, product: str, batch: str, offset: int, limit: int
) -> Part[GatewayCertificate]:
    """Gateways with what was made behind them; `offset`, `limit` and the total count gateways.

    AWS calls as `of_batch`. Raises BatchNotFound, also where it is no batch of gateways of this product.
    Source: Feiyan 7.2.8
    """
    record = production.record_of(caller, batch)
    if record.children is None or record.product != product:
        raise BatchNotFound(batch)
    positions = Positions(record)
    amount, group = int(record.amount), positions.group
    shown = range(offset, min(offset + limit, amount))
    found = _read(caller, record, positions, range(shown.start * group, max(shown.start, shown.stop) * group))
    items = [
        GatewayCertificate(found[at], [found[below] for below in range(at + 1, at + group) if below in found])
        for at in (number * group for number in shown)
        if at in found
    ]
    return Part(items, amount)


def _read(
    caller: Caller, record: ProductionRecord, positions: Positions, span: range
) -> dict[int, Certificate]:
    """By position."""
    if not span:
        return {}
    waiting = _waiting(record, positions, span)  # first: what was done since is found as a device
    at_of = {positions.device(at): at for at in span}
    found: dict[int, Certificate] = {}
    held = _items(list(at_of))
    for device, at in at_of.items():
        state = held.get((DeviceRecord, device, DEVICE))
        proof = held.get((CredentialsRecord, device, CREDENTIALS))
        if isinstance(state, DeviceRecord):
            if devices.visible(caller, state) and isinstance(proof, CredentialsRecord):
                known = devices.device_of(state)
                secret = credentials.secret_of(proof)
                found[at] = Certificate(device, known.product, known.node_id, secret, known)
        elif at in waiting and at not in (record.skipped or ()):
            product, name = positions.product(at), positions.name(at)
            found[at] = Certificate(device, product, name, positions.secret(at))
    return found


def _waiting(record: ProductionRecord, positions: Positions, span: range) -> set[int]:
    """The positions that are not registered yet. One AWS call."""
    size = production.lane_size(positions.count)
    numbers = range(span.start // size, (span.stop - 1) // size + 1)
    keys: list[Key] = [(LaneRecord, production.lane_name(record.id, number), None) for number in numbers]
    waiting: set[int] = set()
    for lane in find_all(keys).values():
        if isinstance(lane, LaneRecord):
            waiting.update(range(max(int(lane.next), span.start), min(int(lane.end), span.stop)))
    return waiting


def _items(wanted: Sequence[str]) -> dict[Key, Record]:
    found: dict[Key, Record] = {}
    for some in batched(wanted, READ_AT_ONCE):
        found |= find_all(_keys(some))
    return found


def _keys(wanted: Iterable[str]) -> Iterable[Key]:
    for device in wanted:
        yield DeviceRecord, device, DEVICE
        yield CredentialsRecord, device, CREDENTIALS
