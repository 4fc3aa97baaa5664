"""Which MQTT client speaks for a device now, and what its coming and going means.

Vendors put timestamps into client ids, so a reconnection is often a new client. Presence events
count only for the device's current link: a "disconnected" is judged after a short delay, and only
where no newer session has taken over; a session once ended is not announced again by a late event.
"""

from threading import Lock

import msgspec

from ..aws import iot, queues
from ..store.devices import (
    DEVICE,
    LINK,
    QUEUE,
    DeviceRecord,
    LinkRecord,
    Parts,
    QueueRecord,
    SessionRecord,
)
from ..store.transactions import ConditionFailed, Transaction
from . import clock, devices
from .devices import Device, Status
from .events import EventType

GONE = "gone"
GONE_DELAY = 5  # s
FRESH = 10 * clock.SECOND
CACHED = 5_000


class Session(msgspec.Struct, frozen=True):
    """Who an MQTT client id is."""

    client: str
    device: str
    tenant: str
    dialect: str
    topic_id: str


_loaded: dict[str, tuple[int, Session]] = {}
_lock = Lock()


def session_of(client: str) -> Session | None:
    """One AWS call, none where it was read seconds ago. Whether the device still exists is not asked here."""
    now = clock.now()
    held = _loaded.get(client)
    if held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    record = SessionRecord.find(client)
    if record is None:
        return None
    session = Session(record.client, record.device, record.tenant, record.dialect, record.topic_id)
    with _lock:
        if len(_loaded) >= CACHED:
            _loaded.clear()
        _loaded[client] = (now, session)
    return session


def forget() -> None:
    """Empty this process's memory of sessions."""
    with _lock:
        _loaded.clear()


def connected(client: str, session: str) -> None:
    """The broker has announced a connection."""
    known = session_of(client)
    if known is None:
        return  # no device of ours: a console's or an operator's own client
    parts = _parts(known.device)
    record, link, queue = parts
    if record is None or record.deleted:
        iot.disconnect(client)
        return
    if link is None or link.client != client or link.session == session:
        return  # an older link, or a session that has ended already
    change = Transaction()
    current = (LinkRecord.client == client) & (
        LinkRecord.session.does_not_exist() | (LinkRecord.session != session)
    )
    actions = [LinkRecord.session.set(session), LinkRecord.online.set(True), LinkRecord.previous.remove()]
    change.update(LinkRecord(known.device, LINK), actions, current)
    come_online(change, record)
    try:
        change.commit()
    except ConditionFailed:
        return
    if link.previous and link.previous != client:
        iot.disconnect(link.previous)
    if queue is not None and queue.waiting:
        queues.work("drain", device=known.device)


def come_online(change: Transaction, record: DeviceRecord) -> Device:
    """Add to the change what first contact and coming online mean; nothing where it is online already.

    First contact activates, and binds: so does the first after a new verify code.
    """
    bound = not record.activated or record.deadline is not None
    now = clock.now()
    if record.status == Status.ONLINE.value and not bound:
        change.check(DeviceRecord(record.device, DEVICE), devices.alive())
        return devices.device_of(record)
    still = (
        DeviceRecord.deadline == record.deadline
        if record.deadline
        else DeviceRecord.deadline.does_not_exist()
    )
    actions = [
        DeviceRecord.status.set(Status.ONLINE.value),
        DeviceRecord.status_detail.set("NONE"),
        DeviceRecord.activated.set(True),
        DeviceRecord.last_seen.set(now),
        DeviceRecord.deadline.remove(),
        DeviceRecord.shard.remove(),
    ]
    change.update(DeviceRecord(record.device, DEVICE), actions, devices.alive() & still)
    record.status, record.status_detail = Status.ONLINE.value, "NONE"
    record.activated, record.last_seen = True, now
    record.deadline = record.shard = None
    device = devices.device_of(record)
    if bound:
        devices.tell(change, EventType.DEVICE_BOUND, device, result="succeeded")
    devices.tell(change, EventType.DEVICE_CHANGED, device)
    return device


def disconnected(client: str, session: str, at: int) -> None:
    """The broker has announced the end of a connection; `at` in ms. Judged after a short delay."""
    if session_of(client) is not None:
        queues.work(GONE, GONE_DELAY, client=client, session=session, at=at)


def gone(client: str, session: str, at: int) -> None:
    """Take the device offline, unless a newer session speaks for it. Harmless to repeat."""
    known = session_of(client)
    if known is None:
        return
    record, link, _ = _parts(known.device)
    if record is None or record.deleted or link is None or not _ended(link, client, session, at):
        return
    change = Transaction()
    same = (LinkRecord.client == client) & (LinkRecord.since == link.since)
    actions = [LinkRecord.online.set(False), LinkRecord.session.set(session)]
    change.update(LinkRecord(known.device, LINK), actions, same)
    if record.status == Status.ONLINE.value:
        record.status = Status.OFFLINE.value
        now_offline = [DeviceRecord.status.set(Status.OFFLINE.value)]
        change.update(DeviceRecord(known.device, DEVICE), now_offline, devices.alive())
        devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record))
    try:
        change.commit()
    except ConditionFailed:
        return  # it reconnected, or was deleted, meanwhile


def _ended(link: LinkRecord, client: str, session: str, at: int) -> bool:
    if link.client != client:
        return False
    if not link.session:
        return int(link.since) <= at  # ended before its beginning was announced
    return bool(link.session == session)


def _parts(device: str) -> tuple[DeviceRecord | None, LinkRecord | None, QueueRecord | None]:
    """One AWS call."""
    parts = Parts(device, DEVICE, LINK, QUEUE)
    return parts.get(DEVICE, DeviceRecord), parts.get(LINK, LinkRecord), parts.get(QUEUE, QueueRecord)
