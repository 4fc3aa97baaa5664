"""Registering the devices of a batch, lane by lane.

A transaction registers up to sixteen devices and moves the lane's place on, so a position is done once,
however often a job comes and wherever one dies; of two workers of one lane the slower finds the place moved
and leaves the rest to the other. A job does a bounded run and sends the next. The sweep sends the jobs that a
crash has lost.

Source: Feiyan 7.2.3, 7.2.5, 7.2.7
"""

import secrets
from collections import Counter
from collections.abc import Sequence

from ..aws import queues
from ..logs import logger
from ..store import counters
from ..store.production import LaneRecord, ProductionRecord
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, credentials, production, products, registration, timelines
from .applications import Caller
from .errors import MacTaken, NodeIdTaken, ProductNotFound
from .production import PRODUCE, SHARDS, TAKEN_UP_AFTER, Positions
from .products import Product
from .registration import BY_SECRET, NewDevice

AT_ONCE = 16  # devices of a transaction: six items each, three totals, the lane
STEPS = 32  # transactions of a job
SWEPT_AT_ONCE = 100  # lanes a shard; more the next minute
TRIES = 8
AGEING = timelines.EVENTS_BACK // clock.DAY  # days: what a timeline reaches back to is kept


class _Moved(Exception):
    """Another worker has moved the lane on."""


def perform(lane: str) -> None:
    """The background job. Harmless to repeat, and to do twice at a time. Raises Contention.

    Two AWS calls, and one for every AT_ONCE devices.
    """
    place = LaneRecord.find(lane)
    if place is None:
        return
    batch = ProductionRecord.find(place.batch)
    if batch is None:
        place.delete()
        return
    number = int(lane.rpartition("#")[2])
    told = {"batch": batch.id, "part": number, "parts": int(batch.lanes)}
    worker = _Worker(Caller(batch.tenant, batch.creator, batch.owner), batch, number)
    try:
        done = worker.run(place)
    except _Moved:
        logger().info("a lane is worked elsewhere", extra=told)
        return
    except ProductNotFound:
        logger().warning("product of a batch is gone", extra=told)
        place.delete()
        return
    logger().info("devices made", extra={**told, "added": done})
    if int(place.next) < int(place.end):
        queues.work(PRODUCE, lane=lane)


class _Worker:
    def __init__(self, caller: Caller, batch: ProductionRecord, number: int) -> None:
        self.caller, self.batch, self.number = caller, batch, number
        self.positions = Positions(batch)

    def run(self, lane: LaneRecord) -> int:
        """Register up to a job's worth; answers how many. `lane` is brought up to date."""
        done = 0
        for _ in range(STEPS):
            first, end = int(lane.next), int(lane.end)
            if first >= end:
                break
            span = range(first, min(first + AT_ONCE, end))
            done += self._step(lane, span)
            lane.next = span.stop
        return done

    def _step(self, lane: LaneRecord, span: range) -> int:
        macs: dict[int, str] = {}
        skipped: list[int] = []
        for attempt in range(TRIES):
            wanted = [at for at in span if at not in skipped]
            change = Transaction()
            self._move_on(change, lane, span.stop)
            if skipped:
                head = ProductionRecord(self.batch.id)
                known = ProductionRecord.skipped
                change.update(head, [known.set((known | []).append(skipped))])
            for at in wanted:
                self._add(change, at, macs.get(at))
            self._count(change, wanted)
            try:
                registration.commit(change, self._names(wanted))
            except NodeIdTaken:
                skipped += self._taken(wanted)
            except (registration.Taken, MacTaken):
                macs = self._free_macs(wanted)
            except ConditionFailed:
                pause(attempt)
            else:
                return len(wanted)
        raise Contention(str(lane.id))

    def _move_on(self, change: Transaction, lane: LaneRecord, to: int) -> None:
        """First in the change, so that it is the first whose failure is told."""
        still = LaneRecord.next == lane.next
        if to >= int(lane.end):
            change.delete(LaneRecord(lane.id), still, _Moved())
            return
        later = LaneRecord.deadline.set(clock.now() + TAKEN_UP_AFTER)
        change.update(LaneRecord(lane.id), [LaneRecord.next.set(to), later], still, _Moved())

    def _add(self, change: Transaction, at: int, mac_key: str | None) -> None:
        positions = self.positions
        gateway = positions.gateway(at)
        product = self._product(at)
        new = NewDevice(
            positions.name(at),
            BY_SECRET,
            product=product.id,
            device=positions.device(at),
            mac_key=mac_key,
            gateway=None if gateway is None else positions.device(gateway),
            ageing=AGEING,
        )
        registration.add(change, self.caller, new, product, positions.secret(at), credentials.new_psk())

    def _product(self, at: int) -> Product:
        return products.get(self.caller.tenant, self.positions.product(at))

    def _count(self, change: Transaction, wanted: Sequence[int]) -> None:
        owner = self.caller.owner
        if wanted:
            counters.add(change, registration.total_name(owner), len(wanted), self.number)
        for product, amount in Counter(map(self.positions.product, wanted)).items():
            counters.add(change, registration.total_name(owner, product), amount, self.number)

    def _names(self, wanted: Sequence[int]) -> list[AliasRecord]:
        return [registration.node_alias(self.positions.name(at), self.caller.tenant, "") for at in wanted]

    def _taken(self, wanted: Sequence[int]) -> list[int]:
        """Positions whose name another device has. One AWS call."""
        names = {self.positions.name(at): at for at in wanted}
        taken = production.taken_names(self.caller.tenant, list(names))
        logger().warning("names of a batch are taken", extra={"batch": self.batch.id, "count": len(taken)})
        return [names[name] for name in taken]

    def _free_macs(self, wanted: Sequence[int]) -> dict[int, str]:
        """Other MAC addresses for those whose own, made of their id, is taken in the product.

        Empty where none is: then it was another random number. One AWS call.
        """
        keys: dict[Key, int] = {}
        for at in wanted:
            own = registration.derived_mac(self.positions.device(at))
            alias = registration.mac_alias(own, self.positions.product(at), "")
            keys[AliasRecord, alias.name, alias.scope] = at
        taken = find_all(keys)
        return {
            at: registration.LOCAL + secrets.token_hex(5).upper() for key, at in keys.items() if key in taken
        }


def sweep() -> int:
    """Send the jobs of lanes that are overdue again; answers how many. One AWS call a shard, two a lane."""
    now, seen = clock.now(), 0
    for number in range(SHARDS):
        overdue = LaneRecord.deadline <= now
        for due in LaneRecord.by_deadline.query(production.shard(number), overdue, limit=SWEPT_AT_ONCE):
            queues.work(PRODUCE, lane=due.id)
            seen += _wait(due.id, now + TAKEN_UP_AFTER)
    return seen


def _wait(lane: str, until: int) -> bool:
    """False where the lane is done."""
    change = Transaction()
    change.update(LaneRecord(lane), [LaneRecord.deadline.set(until)], LaneRecord.id.exists())
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True
