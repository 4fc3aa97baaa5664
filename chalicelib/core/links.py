"""Which MQTT client speaks for a device now, and what its coming and going means.

Vendors put timestamps into client ids, so a reconnection is often a new client; others keep one
client id, and the broker tells its connections apart by session ids. Events come late, twice and in
any order. Of the connections announced, the newest that is not known to have ended speaks for the
device. "Disconnected" is judged after a short delay, and takes the device offline only where no other
connection lives; where one was admitted a moment ago, its announcement is waited for. What has ended is
not announced again by a late event.
"""

from threading import Lock
from typing import Any

import msgspec
from pynamodb.expressions.update import Action

from ..aws import iot, queues
from ..store.devices import DEVICE, LINK, QUEUE, DeviceRecord, LinkRecord, Parts, QueueRecord, SessionRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, connections, contact, devices, shadow_changes, upgrade_states
from .products import NodeType

GONE = "gone"
GONE_DELAY = 5  # s
# A client id that another device takes over does so only once this device is offline, which is
# judged after GONE_DELAY: no older memory may speak for it then.
FRESH = GONE_DELAY * clock.SECOND
PATIENCE = 60 * clock.SECOND  # for the announcement of a connection that was admitted
REMEMBERED = 16  # ended sessions
TRIES = 8
CACHED = 5_000


class Session(msgspec.Struct, frozen=True):
    """Who an MQTT client id is, `since` the CONNECT at this time (ms). An app's `channel` is no device:
    `device` is the channel's id then.
    """

    client: str
    device: str
    tenant: str
    dialect: str
    topic_id: str
    since: int
    channel: bool = False


_loaded: dict[str, tuple[int, Session]] = {}
_lock = Lock()


def session_of(client: str, *, anew: bool = False) -> Session | None:
    """One AWS call, none where it was read seconds ago and is not wanted `anew`.

    Whether the device still exists is not asked here.
    """
    now = clock.now()
    held = _loaded.get(client)
    if not anew and held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    record = SessionRecord.find(client)
    if record is None:
        return None
    session = Session(
        record.client,
        record.device,
        record.tenant,
        record.dialect,
        record.topic_id,
        int(record.since),
        bool(record.channel),
    )
    with _lock:
        if len(_loaded) >= CACHED:
            _loaded.clear()
        _loaded[client] = (now, session)
    return session


def forget() -> None:
    """Empty this process's memory of sessions."""
    with _lock:
        _loaded.clear()


def connected(client: str, session: str, at: int, address: str = "") -> None:
    """The broker has announced a connection from this IP address; `at` in ms. Harmless to repeat.

    A session read, one batch read and one transaction; then the end of the client before it, if
    there was one, and a message where commands wait.
    """
    known = session_of(client, anew=True)
    if known is None:
        return  # no device of ours: a console's or an operator's own client
    if known.channel:
        from . import app_channels

        app_channels.connected(known, session)
        return
    for attempt in range(TRIES):
        record, link, queue = _parts(known.device)
        if record is None or link is None or record.deleted or devices.expired(record):
            iot.disconnect(client)
            return
        current = _is_current(link, session, at)
        try:
            _announce(record, link, known, session, at, address, current=current)
        except ConditionFailed:
            pause(attempt)
            continue
        _tidy(link, queue, client, session, current=current)
        if current and record.node_type == NodeType.GATEWAY.value:
            queues.work("wake", gateway=known.device)
        return
    raise Contention(known.device)


def _is_current(link: LinkRecord, session: str, at: int) -> bool:
    """Whether this connection speaks for the device: none that lives is newer."""
    if session in (link.ended or ()):
        return False
    return not _live(link) or link.session == session or at >= int(link.since)


def _announce(
    record: DeviceRecord,
    link: LinkRecord,
    known: Session,
    session: str,
    at: int,
    address: str,
    *,
    current: bool,
) -> None:
    """Raises ConditionFailed: something came between."""
    if current and link.session == session:
        return
    change = Transaction()
    login = _login(record, at, address) if current else []
    contact.meet(change, record, min(at, known.since), online=current, also=login)
    if current:
        actions: list[Action] = [
            LinkRecord.client.set(known.client),
            LinkRecord.topic_id.set(known.topic_id),
            LinkRecord.dialect.set(known.dialect),
            LinkRecord.session.set(session),
            LinkRecord.online.set(True),
            LinkRecord.since.set(at),
            LinkRecord.previous.set(link.client) if _live(link) else LinkRecord.previous.remove(),
        ]
        change.update(LinkRecord(record.device, LINK), actions, _as_read(link))
        if not link.online:
            connections.came(change)
    change.commit()


def _login(record: DeviceRecord, at: int, address: str) -> list[Action]:
    """What the connection changes of the device whatever its status; brings `record` up to date."""
    record.last_login, record.last_login_ip = at, address or None
    where = DeviceRecord.last_login_ip
    return [DeviceRecord.last_login.set(at), where.set(address) if address else where.remove()]


def _tidy(link: LinkRecord, queue: QueueRecord | None, client: str, session: str, *, current: bool) -> None:
    """One connection a device: end the other. `link` is as it was before. Then send what waits."""
    if not current:
        if client != link.client and session not in (link.ended or ()):
            iot.disconnect(client)
        return
    replaced = link.previous if link.session == session else link.client if _live(link) else None
    if replaced and replaced != client:
        iot.disconnect(replaced)
    if queue is not None and queue.waiting:
        queues.work("drain", device=link.device)
    if queue is not None and queue.shadows:
        queues.work(shadow_changes.SEND, device=link.device)
    if queue is not None and queue.upgrades and not queue.upgrading:
        queues.work(upgrade_states.SEND, device=link.device)


def disconnected(client: str, session: str, at: int) -> None:
    """The broker has announced the end of a connection; `at` in ms. Judged after a short delay."""
    known = session_of(client, anew=True)
    if known is not None and known.channel:
        from . import app_channels

        app_channels.disconnected(known, session)
    elif known is not None:
        _judge_later(GONE_DELAY, client, session, at)


def gone(client: str, session: str, at: int) -> None:
    """Take the device offline, unless a newer connection speaks for it. Harmless to repeat."""
    known = session_of(client, anew=True)
    if known is None or known.channel:
        return
    for attempt in range(TRIES):
        record, link, _ = _parts(known.device)
        if record is None or link is None or record.deleted or session in (link.ended or ()):
            return
        if _awaited(link) and not (_live(link) and link.session != session):
            _judge_later(PATIENCE // clock.SECOND, client, session, at)
            return
        try:
            _end(record, link, session, at)
        except ConditionFailed:
            pause(attempt)
            continue
        return
    raise Contention(known.device)


def _end(record: DeviceRecord, link: LinkRecord, session: str, at: int) -> None:
    """Note that a session has ended, and what this means where no other lives."""
    change = Transaction()
    actions: list[Action] = [LinkRecord.ended.set([*(link.ended or ()), session][-REMEMBERED:])]
    if not _live(link) or link.session == session:
        actions += [LinkRecord.online.set(False), LinkRecord.since.set(max(at, int(link.since)))]
        contact.part(change, record, at)
        if link.online:
            connections.went(change)
    change.update(LinkRecord(record.device, LINK), actions, _as_read(link))
    change.commit()


def _awaited(link: LinkRecord) -> bool:
    """Whether a connection was admitted a moment ago and is not announced yet."""
    admitted = int(link.admitted or 0)
    return admitted > int(link.since) and clock.now() - admitted < PATIENCE


def _live(link: LinkRecord) -> bool:
    """Whether the connection announced last is not known to have ended."""
    return bool(link.session) and link.session not in (link.ended or ())


def _as_read(link: LinkRecord) -> Any:
    """Condition: nobody has changed the link meanwhile."""
    same = LinkRecord.client == link.client
    same &= LinkRecord.since == link.since
    same &= LinkRecord.online == link.online
    same &= LinkRecord.session == link.session if link.session else LinkRecord.session.does_not_exist()
    same &= LinkRecord.admitted == link.admitted if link.admitted else LinkRecord.admitted.does_not_exist()
    return same & (LinkRecord.ended == link.ended if link.ended else LinkRecord.ended.does_not_exist())


def _judge_later(delay: int, client: str, session: str, at: int) -> None:
    queues.work(GONE, delay, client=client, session=session, at=at)


def _parts(device: str) -> tuple[DeviceRecord | None, LinkRecord | None, QueueRecord | None]:
    """One AWS call."""
    parts = Parts(device, DEVICE, LINK, QUEUE)
    return parts.get(DEVICE, DeviceRecord), parts.get(LINK, LinkRecord), parts.get(QUEUE, QueueRecord)
