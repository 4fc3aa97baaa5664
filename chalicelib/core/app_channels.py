"""Apps' long connections: certificates, whose a connection is, and which of a person's apps are there now.

    issue(caller, app)              the certificate of an app, by a name that the app has for itself
    bind(session, token)            who holds this token is told on this connection from now on
    unbind(session)                 nobody is any more
    connected, disconnected         the broker's word
    online(users)                   the connections to which these people's news go

A channel is no device: nothing of it is in any list of devices. It is bound to the session of a person, not
to one text of its token: it goes on while that session is refreshed, and is silent once it is over, was
ended, or the person is gone or has another password. What the broker says of connections comes late, twice
or never, so being "online" is a hint: sending is what shows. Nothing is kept for an app that is not there.

Source: Feiyan 6.1.2
"""

import hashlib
import string
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ..aws import encryption, iot
from ..store.app_channels import CHANNEL, CHANNELS, AppChannelRecord, AppChannelsRecord
from ..store.reading import Key, find_all
from ..store.tokens import GrantRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from ..store.users import USER, UserRecord
from . import clock, ids, tokens, user_sessions, users
from .applications import Caller
from .channel_admission import SECRET
from .errors import InvalidInput, InvalidToken
from .links import Session
from .memberships import batched

MOST = 20  # channels of a person; a new one takes the place of the oldest
LONGEST_APP = 1024  # characters of the name that an app has for itself
READ_AT_ONCE = 50  # people: two items each
KEY_LENGTH = 11  # of the key that an application's channels have; products' are shorter
LETTERS = string.digits + string.ascii_letters
TRIES = 8


class Certificate(msgspec.Struct, frozen=True):
    product_key: str
    device_name: str
    secret: str


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel that a person is bound to. `client` is None while it is not connected, `session` where the
    broker has not announced the connection that was made at `since` ms; `grant` is the person's session.
    """

    channel: str
    topic_id: str
    grant: str
    bound: int
    client: str | None = None
    since: int = 0
    session: str | None = None


class Online(msgspec.Struct, frozen=True):
    """Where a person's news go."""

    user: str
    channel: str
    client: str
    topic_id: str


def issue(caller: Caller, app: str) -> Certificate:
    """The certificate of an app of the caller's; the same for the same name. One AWS call, two for the first.

    Raises InvalidInput.
    """
    if not 1 <= len(app) <= LONGEST_APP:
        raise InvalidInput("app", f"must have 1 to {LONGEST_APP} characters")
    channel = hashlib.sha256(f"{caller.owner}\x00{app}".encode()).hexdigest()[:32]
    held = AppChannelRecord.find(channel, CHANNEL)
    if held is None:
        held = _create(caller, channel)
    return Certificate(
        held.product_key, channel, encryption.decrypt(held.secret, held.tenant, channel, SECRET)
    )


def _create(caller: Caller, channel: str) -> AppChannelRecord:
    record = AppChannelRecord(
        channel,
        CHANNEL,
        tenant=caller.tenant,
        application=caller.owner,
        product_key=product_key(caller.owner),
        secret=encryption.encrypt(ids.secret(), caller.tenant, channel, SECRET),
        created=clock.now(),
    )
    change = Transaction()
    change.put(record, AppChannelRecord.user.does_not_exist())
    try:
        change.commit()
    except ConditionFailed:  # another was quicker
        held = AppChannelRecord.find(channel, CHANNEL)
        if held is None:
            raise Contention(channel) from None
        return held
    return record


def product_key(application: str) -> str:
    """What the topics of an application's channels carry where a device's have the product's key."""
    number = int(hashlib.sha256(f"channels\x00{application}".encode()).hexdigest(), 16)
    letters = []
    for _ in range(KEY_LENGTH):
        number, at = divmod(number, len(LETTERS))
        letters.append(LETTERS[at])
    return "".join(letters)


def bind(session: Session, token: str) -> None:
    """The person of this token is told on this connection from now on, and nobody else.

    Two AWS calls, two more where the token was not read a moment ago, and one where the channel was another
    person's. Raises InvalidToken, also for another application's person; Contention.
    """
    person = user_sessions.person(token)
    for tried in range(TRIES):
        asked: tuple[Key, Key] = (
            (AppChannelRecord, session.device, CHANNEL),
            (AppChannelsRecord, person.user, CHANNELS),
        )
        found = find_all(asked)
        record, held = found.get(asked[0]), found.get(asked[1])
        if not isinstance(record, AppChannelRecord) or record.application != person.owner:
            raise InvalidToken("of no person of the application")
        change = Transaction()
        gone = InvalidToken("the person is gone")
        change.check(UserRecord(person.user, USER), users.alive(), gone)
        if record.person != person.user:
            _point(change, record, person.user)
            _drop(change, record.person, record.user)
        places = _read(held if isinstance(held, AppChannelsRecord) else None)
        before = next((each for each in places if each.channel == session.device), None)
        same = before is not None and (before.client, before.since) == (session.client, session.since)
        place = Place(
            session.device,
            session.topic_id,
            tokens.grant_named(token),
            clock.now(),
            session.client,
            session.since,
            before.session if before is not None and same else None,
        )
        _put(change, person.user, held, [*_without(places, session.device)[-MOST + 1 :], place])
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Contention(session.device)


def unbind(session: Session) -> None:
    """Nobody is told on this connection. Three AWS calls, one where nobody was. Raises Contention."""
    for tried in range(TRIES):
        record = AppChannelRecord.find(session.device, CHANNEL)
        if record is None or record.person is None:
            return
        change = Transaction()
        _point(change, record, None)
        _drop(change, record.person, record.user)
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Contention(session.device)


def connected(session: Session, ident: str) -> None:
    """The broker has announced a connection, by its session id. One AWS call, three more where a person is
    bound to the channel, and one where that has an older connection, which ends.
    """
    replaced: list[str] = []

    def note(place: Place) -> Place:
        replaced.clear()
        if session.since < place.since:
            return place
        if place.client not in (None, session.client):
            replaced.append(str(place.client))
        return msgspec.structs.replace(place, client=session.client, since=session.since, session=ident)

    _edit(session.device, note)
    for client in replaced:
        iot.disconnect(client)


def disconnected(session: Session, ident: str) -> None:
    """The broker has announced the end of a connection. One AWS call, two more where a person is bound to
    the channel, and one where it was that channel's.
    """

    def note(place: Place) -> Place:
        same = place.session == ident if place.session is not None else place.since == session.since
        if place.client != session.client or not same:
            return place
        return msgspec.structs.replace(place, client=None, session=None)

    _edit(session.device, note)


def lost(gone: Online) -> None:
    """Sending has shown that the client is not connected. Three AWS calls."""

    def note(place: Place) -> Place:
        if place.client != gone.client:
            return place
        return msgspec.structs.replace(place, client=None, session=None)

    _edit(gone.channel, note)


def online(people: Iterable[str]) -> list[Online]:
    """Connections of these people, by the sessions that stand now. One AWS call for fifty people, and one
    for a hundred connections. A connection may be over: sending shows it.
    """
    found: list[tuple[Place, str, str]] = []  # with the person, and what the session's token stands for
    for some in batched(dict.fromkeys(people), READ_AT_ONCE):
        keys: list[Key] = []
        for user in some:
            keys += [(AppChannelsRecord, user, CHANNELS), (UserRecord, user, USER)]
        read = find_all(keys)
        for user in some:
            person = read.get((UserRecord, user, USER))
            held = read.get((AppChannelsRecord, user, CHANNELS))
            if (
                not isinstance(person, UserRecord)
                or person.deleted
                or not isinstance(held, AppChannelsRecord)
            ):
                continue
            subject = users.subject(users.user_of(person))
            found += [(place, user, subject) for place in _read(held) if place.client is not None]
    standing = _standing({place.grant: subject for place, _, subject in found})
    return [
        Online(user, place.channel, place.client, place.topic_id)
        for place, user, _ in found
        if place.client is not None and place.grant in standing
    ]


def _standing(wanted: dict[str, str]) -> set[str]:
    """Those of the grants that stand, and stand for the given subject."""
    now, standing = clock.now(), set()
    for some in batched(wanted, 100):
        keys: list[Key] = [(GrantRecord, grant, None) for grant in some]
        for record in find_all(keys).values():
            if (
                isinstance(record, GrantRecord)
                and int(record.access_until) > now
                and record.subject == wanted[record.grant]
            ):
                standing.add(record.grant)
    return standing


def _edit(channel: str, note: Callable[[Place], Place]) -> None:
    """Raises Contention."""
    for tried in range(TRIES):
        record = AppChannelRecord.find(channel, CHANNEL)
        if record is None or record.person is None:
            return
        held = AppChannelsRecord.find(record.person, CHANNELS)
        places = _read(held)
        noted = [note(each) if each.channel == channel else each for each in places]
        if noted == places:
            return
        change = Transaction()
        _put(change, record.person, held, noted)
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Contention(channel)


def _point(change: Transaction, record: AppChannelRecord, user: str | None) -> None:
    """Add whose the channel is from now on; holds where it is whose it was read to be."""
    was = AppChannelRecord.person
    same = was == record.person if record.person else was.does_not_exist()
    action = was.set(user) if user is not None else was.remove()
    change.update(record, [action], AppChannelRecord.user.exists() & same)


def _drop(change: Transaction, user: str | None, channel: str) -> None:
    """Add that a person has the channel no more. One AWS call, none for nobody."""
    held = AppChannelsRecord.find(user, CHANNELS) if user is not None else None
    if user is not None and held is not None:
        _put(change, user, held, _without(_read(held), channel))


def _without(places: Sequence[Place], channel: str) -> list[Place]:
    return [each for each in places if each.channel != channel]


def _read(held: AppChannelsRecord | None) -> list[Place]:
    """Oldest first."""
    return msgspec.json.decode(held.document, type=list[Place]) if held is not None else []


def _put(change: Transaction, user: str, held: object, places: Sequence[Place]) -> None:
    version = int(held.version) if isinstance(held, AppChannelsRecord) else 0
    record = AppChannelsRecord(
        user, CHANNELS, document=msgspec.json.encode(places).decode(), version=version + 1
    )
    same = AppChannelsRecord.version == version if version else AppChannelsRecord.user.does_not_exist()
    change.put(record, same)
