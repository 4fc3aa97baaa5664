"""Sharing devices with a person who is named: their manager offers them, the other agrees or not.

An offer is a batch of shares, one a device, and good for `OFFER_LASTS`. `core/share_answers.py` says what
becomes of it. While an offer stands, its initiator cannot make the same one again.

Source: Feiyan 6.6.6
"""

from collections.abc import Iterable, Mapping, Sequence

from ..store.base import Record
from ..store.devices import DEVICE, HOLDER, DeviceItem, DeviceRecord, HolderRecord
from ..store.reading import Key, find_all
from ..store.shares import NOTICE, OFFER, NoticeRecord, OfferRecord
from ..store.transactions import Transaction
from ..store.users import USER, UserItem, UserRecord
from . import clock, devices, events, ids, products, share_records, users
from .bindings import Role
from .errors import (
    BoundAlready,
    InvalidInput,
    NotBound,
    NotManager,
    NotShareable,
    SharedWithOneself,
    ShareRepeated,
    UserNotFound,
)
from .events import EventType
from .products import ShareMode
from .share_records import Share, State
from .users import Person, User

OFFER_LASTS = 7 * clock.DAY
MOST_DEVICES = 20  # of one offer


def offer(person: Person, wanted: Sequence[str], receiver: User) -> list[Share]:
    """Offer devices that the person manages to another person of the application.

    Two AWS calls, up to four where one was offered before, and one where products were not read seconds
    ago. Raises InvalidInput, SharedWithOneself, NotBound,
    NotManager, NotShareable, BoundAlready, ShareRepeated, UserNotFound.
    """
    chosen = chosen_devices(wanted)
    if receiver.user == person.user:
        raise SharedWithOneself(receiver.user)
    if not users.visible(person, receiver):
        raise UserNotFound(receiver.user)
    found = _read(person, chosen, receiver)
    initiator = found.get((UserItem, person.user, USER))
    if not isinstance(initiator, UserRecord):
        raise UserNotFound(person.user)
    sources = managed(person, chosen, found)
    for device in chosen:
        if (DeviceItem, device, HOLDER + receiver.user) in found:
            raise BoundAlready(device)
    standing = {key[2]: each for key, each in found.items() if isinstance(each, OfferRecord)}
    _check_new(person, standing.values())
    now, batch = clock.now(), ids.ordered_id()
    change, shares = Transaction(), []
    for number, (device, (record, holder)) in enumerate(sources.items()):
        share = Share(
            id=share_records.share_id(batch, number),
            batch=batch,
            size=len(chosen),
            received=False,
            device=device,
            product=record.product,
            node_id=record.node_id,
            node_type=record.node_type,
            initiator=person.user,
            receiver=receiver.user,
            initiator_alias=alias(initiator),
            receiver_alias=alias(receiver),
            managed=int(holder.bound),
            state=State.OFFERED,
            created=now,
            modified=now,
            until=now + OFFER_LASTS,
        )
        shares.append(share)
        check_manager(change, person.user, device, share.managed)
        for received in (False, True):
            change.put(share_records.record_of(share, received=received))
        _stand(change, share, standing.get(OFFER + device))
    change.check(UserRecord(receiver.user, USER), users.alive(), UserNotFound(receiver.user))
    told = {"batch": batch, "devices": chosen, "until": now + OFFER_LASTS}
    sides = {"initiator": person.user, "receiver": receiver.user}
    events.emit(change, EventType.SHARE_OFFERED, receiver.user, person.tenant, person.owner, **told, **sides)
    change.commit()
    return shares


def _read(person: Person, chosen: Sequence[str], receiver: User) -> dict[Key, Record]:
    """What an offer depends on: at most 81 items."""
    sides = [HOLDER + person.user, HOLDER + receiver.user]
    return find_all(
        [(UserItem, person.user, USER)]
        + [(DeviceItem, each, item) for each in chosen for item in (DEVICE, *sides)]
        + [(UserItem, receiver.user, OFFER + each) for each in chosen]
    )


def chosen_devices(wanted: Iterable[str]) -> list[str]:
    """Each once. Raises InvalidInput, NotBound for what is no device's id."""
    chosen = list(dict.fromkeys(wanted))
    if not 1 <= len(chosen) <= MOST_DEVICES:
        raise InvalidInput("iotIdList", f"must name 1 to {MOST_DEVICES} devices", missing=not chosen)
    for device in chosen:
        if not ids.is_random_id(device):
            raise NotBound(device)
    return chosen


def managed(
    person: Person, chosen: Sequence[str], found: Mapping[Key, Record]
) -> dict[str, tuple[DeviceRecord, HolderRecord]]:
    """The devices and what binds the person to them. No AWS call, one where products were not read seconds
    ago. Raises NotBound, NotManager, NotShareable.
    """
    sources: dict[str, tuple[DeviceRecord, HolderRecord]] = {}
    for device in chosen:
        record = found.get((DeviceItem, device, DEVICE))
        holder = found.get((DeviceItem, device, HOLDER + person.user))
        if not isinstance(record, DeviceRecord) or not isinstance(holder, HolderRecord):
            raise NotBound(device)
        if not devices.visible(person, record):
            raise NotBound(device)
        if Role(holder.role) is not Role.MANAGER:
            raise NotManager(device)
        sources[device] = record, holder
    of = products.load_all({record.product for record, _ in sources.values()})
    for device, (record, _) in sources.items():
        if record.product in of and of[record.product].share_mode is ShareMode.SEIZED:
            raise NotShareable(device)
    return sources


def check_manager(change: Transaction, user: str, device: str, since: int) -> None:
    """Let the change fail with NotManager unless the person has managed the device ever since (ms)."""
    same = (HolderRecord.role == Role.MANAGER.value) & (HolderRecord.bound == since)
    change.check(HolderRecord(device, HOLDER + user), same, NotManager(device))


def alias(user: User | UserRecord) -> str:
    """How others see the person: nickname, else phone number, e-mail address or login."""
    return user.nickname or user.phone or user.email or user.login or ""


def _check_new(person: Person, standing: Iterable[OfferRecord]) -> None:
    """Raises ShareRepeated where the person's own offer of a device stands."""
    keys = [
        (UserItem, person.user, NOTICE + each.share) for each in standing if each.initiator == person.user
    ]
    if not keys:
        return
    found = [
        share_records.share_of(each) for each in find_all(keys).values() if isinstance(each, NoticeRecord)
    ]
    for share in share_records.judged(found):
        if share.state is State.OFFERED:
            raise ShareRepeated(share.device)


def _stand(change: Transaction, share: Share, before: OfferRecord | None) -> None:
    """The offer stands for its device, in place of the one that was read to be over."""
    record = OfferRecord(
        share.receiver,
        OFFER + share.device,
        share=share.id,
        initiator=share.initiator,
        ttl=share.until // clock.SECOND + 1,
    )
    free = OfferRecord.user.does_not_exist()
    if before is not None:
        free |= OfferRecord.share == before.share
    change.put(record, free, ShareRepeated(share.device))
