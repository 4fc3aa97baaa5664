"""Telling LoRa servers which of their devices were registered or deleted.

What a server has to learn is a notice in its own collection, written with the change itself. A job sends
the notices oldest first, one after the other, each until the server has acknowledged it. A notice is
claimed before its message leaves, so two jobs never overtake each other; what a crash left, or the
server did not acknowledge, is taken up by the sweep or when the server connects. A server may be told
one thing twice.
"""

from collections.abc import Sequence

from ..aws import iot, queues
from ..aws.iot import Outcome
from ..store.devices import DEVICE, LORA, DeviceRecord, LoraNoticeRecord, LoraRecord, Parts
from ..store.transactions import ConditionFailed, Contention, Transaction
from . import clock, downlink, lora_records, sending
from .downlink import LoraDownlink, Message
from .lora_records import Role
from .sending import Route

AT_ONCE = 100  # notices of one read
SWEPT_AT_ONCE = 1_000  # a shard
CLAIM = 15 * clock.SECOND  # a job that died leaves its notice to others after this
OFFLINE_PAUSE = clock.HOUR  # until the sweep looks again; a connection comes first
SEND_WITHIN = 20 * clock.SECOND  # that one job spends
MOST_STEPS = 20


def deliver(server: str) -> None:
    """Send what the server has to learn. Harmless to repeat. Raises what AWS raises; then it comes again.

    Two AWS calls where nothing waits or the server is offline; two more, and four for each notice.
    """
    began = clock.now()
    for _ in range(MOST_STEPS):
        notices = lora_records.first_notices(server, AT_ONCE)
        if not notices:
            return
        route = sending.route_to(server)
        if route is None:
            _drop(notices)
        elif not route.reachable:
            _postpone(notices)
            return
        elif not _send(route, notices, began):
            return
    raise Contention(server)


def sweep() -> int:
    """Put a job for each server with a notice that is due; answers how many."""
    servers: dict[str, None] = {}
    for number in range(lora_records.SHARDS):
        due = LoraNoticeRecord.by_deadline.query(
            f"{lora_records.SHARD}-{number}",
            LoraNoticeRecord.deadline <= clock.now(),
            limit=SWEPT_AT_ONCE,
        )
        servers |= dict.fromkeys(record.device for record in due)
    queues.send(queues.WORK, [queues.job_message(lora_records.TELL, server=server) for server in servers])
    return len(servers)


def _send(route: Route, notices: Sequence[LoraNoticeRecord], began: int) -> bool:
    """Whether to look again at once: all were sent, or the server has come back meanwhile."""
    for notice in notices:
        if clock.now() - began >= SEND_WITHIN:
            queues.work(lora_records.TELL, server=notice.device)
            return False
        if not _claim(notice):
            return False
        outcome = _send_one(route, notice)
        if outcome is Outcome.NO_CONNECTION:
            _release(notice)
            fresh = sending.route_to(notice.device)
            return fresh is not None and fresh.reachable and fresh.connection != route.connection
        if outcome is not Outcome.CONFIRMED:
            return False
        notice.delete()
    return True


def _send_one(route: Route, notice: LoraNoticeRecord) -> Outcome:
    """CONFIRMED also where there is nothing to tell any more."""
    if route.link is None:
        return Outcome.NO_CONNECTION
    registered = None
    if not notice.gone:
        parts = Parts(notice.child, DEVICE, LORA)
        record, held = parts.get(DEVICE, DeviceRecord), parts.get(LORA, LoraRecord)
        if record is None or held is None or record.deleted:
            return Outcome.CONFIRMED  # a later notice says that it is deleted
        registered = lora_records.lora_of(record, held)
    message: Message | None = downlink.encode_lora(
        route.link.dialect,
        LoraDownlink(notice.child, Role(notice.role), notice.eui, registered, route.link.topic_id),
    )
    if message is None:
        return Outcome.UNCONFIRMED  # it speaks in another system at present
    return iot.send(route.link.client, message.topic, message.payload, within=sending.CONFIRM_WITHIN)


def _claim(notice: LoraNoticeRecord) -> bool:
    """False where another job is sending it, or has."""
    now = clock.now()
    free = LoraNoticeRecord.busy.does_not_exist() | (LoraNoticeRecord.busy <= now)
    change = Transaction()
    change.update(
        LoraNoticeRecord(notice.device, notice.item),
        [
            LoraNoticeRecord.busy.set(now + CLAIM),
            LoraNoticeRecord.deadline.set(now + lora_records.TOLD_WITHIN),
        ],
        LoraNoticeRecord.device.exists() & free,
    )
    return _committed(change)


def _release(notice: LoraNoticeRecord) -> None:
    change = Transaction()
    change.update(
        LoraNoticeRecord(notice.device, notice.item),
        [LoraNoticeRecord.busy.remove()],
        LoraNoticeRecord.device.exists(),
    )
    _committed(change)


def _postpone(notices: Sequence[LoraNoticeRecord]) -> None:
    """Those that are due; the others are, by the time their turn comes."""
    now = clock.now()
    for notice in notices:
        if int(notice.deadline) > now:
            continue
        change = Transaction()
        change.update(
            LoraNoticeRecord(notice.device, notice.item),
            [LoraNoticeRecord.deadline.set(now + OFFLINE_PAUSE)],
            LoraNoticeRecord.deadline == notice.deadline,
        )
        _committed(change)


def _drop(notices: Sequence[LoraNoticeRecord]) -> None:
    """Of a server that is deleted."""
    with LoraNoticeRecord.batch_write() as batch:
        for notice in notices:
            batch.delete(notice)


def _committed(change: Transaction) -> bool:
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True
