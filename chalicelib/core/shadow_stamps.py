"""The time of a device's shadow: one stamp for all its services, which never repeats nor runs back.

A stamp is now, or one millisecond past the stamp before it. Where a device's model has one service, the
service's own stamp is the device's. Else an item of its own, `S`, holds the newest: each change of a shadow
moves it, on condition that it is what was read. Once there, `S` counts whatever becomes of the model. Who
makes it reads all shadows, and gives each a new version: who did not know of `S` has to read again.

`S` names the services that were written under its stamp, so who reads all of it in one query sees whether
a change was written between: a query is no transaction.

Source: device shadow 2.2 (timestamp)
"""

from collections.abc import Collection, Iterable

import msgspec

from ..store.devices import SHADOW, STAMP, DeviceRecord, ShadowRecord, StampRecord
from ..store.transactions import Transaction
from . import clock, shadow_documents
from .shadow_writes import Stale, service_of
from .things import ThingModel

AFTER_SERVICES = "S$"  # "$" follows "#"


class Stamps(msgspec.Struct, frozen=True):
    """Where a device's time stands. `wanted` is the newest stamp of a change of desired values.

    `shared`: the item `S` is written; `held` is what it was. `others` are the shadows that nobody has
    read together with it before.
    """

    newest: int
    wanted: int
    shared: bool
    held: StampRecord | None = None
    others: tuple[ShadowRecord, ...] = ()

    def following(self) -> int:
        """The stamp of a change that is made now."""
        return max(clock.now(), self.newest + 1)


def of(
    device: str,
    model: ThingModel,
    held: StampRecord | None,
    services: Collection[str],
    shadows: Iterable[ShadowRecord],
    *,
    whole: bool = False,
) -> Stamps:
    """For a change of these services; `shadows` are those that were read with `held`, `whole`: all.

    No AWS call but where `S` has to be made: one, once in a device's life.
    """
    if held is not None:
        return Stamps(int(held.stamp), int(held.wanted), shared=True, held=held)
    found = list(shadows)
    if is_own(model, services):
        return _newest(found, shared=False)
    if not whole:
        found = list(
            ShadowRecord.query(
                device, ShadowRecord.item.between(SHADOW, AFTER_SERVICES), consistent_read=True
            )
        )
    others = tuple(each for each in found if service_of(each) not in services)
    return _newest(found, shared=True, others=others)


def is_own(model: ThingModel, services: Collection[str]) -> bool:
    """Whether the stamp of what is changed is that of the device: there is nothing else."""
    return len(model.services) == 1 and set(services) == {model.services[0].id}


def _newest(
    found: Collection[ShadowRecord], *, shared: bool, others: tuple[ShadowRecord, ...] = ()
) -> Stamps:
    read = [shadow_documents.read(each) for each in found]
    return Stamps(
        newest=max((each.stamp for each in read), default=0),
        wanted=max((at for each in read for at in (*each.desired_times.values(), each.forgotten)), default=0),
        shared=shared,
        others=others,
    )


def move(
    change: Transaction,
    device: DeviceRecord,
    stamps: Stamps,
    stamp: int,
    services: Collection[str],
    *,
    wanted: bool = False,
) -> None:
    """Add to a change of these services that the device's time is `stamp`; `wanted`: of desired values.

    Nothing is added where the service's own stamp is the device's. Fails with Stale.
    """
    if not stamps.shared:
        return
    held = stamps.held
    record = StampRecord(
        device.device,
        STAMP,
        stamp=stamp,
        wanted=stamp if wanted else stamps.wanted,
        services=set(services) or None,
    )
    same = StampRecord.stamp == held.stamp if held is not None else StampRecord.stamp.does_not_exist()
    change.put(record, same, Stale(STAMP))
    for other in stamps.others:
        bump = [ShadowRecord.version.set(int(other.version) + 1)]
        key = ShadowRecord(device.device, other.item)
        change.update(key, bump, ShadowRecord.version == other.version, Stale(other.item))


def torn(held: StampRecord | None, shadows: Iterable[ShadowRecord]) -> bool:
    """Whether some of these shadows were read before, and others after, a change of them."""
    if held is None:
        return False
    found = {service_of(each): int(each.stamp or 0) for each in shadows}
    newest = int(held.stamp)
    return any(at > newest for at in found.values()) or any(
        found.get(service, 0) != newest for service in held.services or ()
    )
