"""What becomes of an offer: it is agreed to or refused, share by share or as a whole, or canceled before.

A share that is agreed to makes its receiver a member, in the same transaction, which fails where the
initiator has left the device meanwhile, if only for a moment, or the offer was answered, canceled or is
over. Of two who answer at once one wins; the other is told what became of the share.

Source: Feiyan 6.6.9, 6.6.10
"""

from collections.abc import Sequence

import msgspec

from ..store.shares import NoticeRecord
from ..store.transactions import ConditionFailed, Transaction
from . import bindings, clock, events, share_offers, share_records
from .bindings import Role
from .errors import (
    BindRefused,
    BoundAlready,
    Busy,
    DeviceNotFound,
    InvalidInput,
    NotInitiator,
    NotManager,
    PolythingError,
    ShareAgreed,
    ShareCanceled,
    ShareExpired,
    ShareNotFound,
    ShareRefused,
    TooManyHolders,
)
from .events import EventType
from .share_records import Share, State
from .users import Person

MOST_ANSWERED = 10  # shares named in one answer
MOST_CANCELED = 40  # shares named in one cancellation
OVER: dict[State, type[PolythingError]] = {
    State.AGREED: ShareAgreed,
    State.REFUSED: ShareRefused,
    State.CANCELED: ShareCanceled,
    State.EXPIRED: ShareExpired,
}
# One device of several is out of reach; the others may still be shared.
OUT_OF_REACH = (DeviceNotFound, NotManager, BoundAlready, TooManyHolders)


def answer(
    person: Person, *, agree: bool, shares: Sequence[str] = (), batch: str | None = None
) -> list[Share]:
    """Agree to or refuse what is offered to the person: the named shares, or what is open of a batch.

    A share that cannot be had (its device is gone, its initiator has lost it) is passed over where others
    can; answers those that were answered. AWS calls: one, and one for all refused or for each agreed.
    Raises InvalidInput, ShareNotFound, ShareAgreed, ShareRefused, ShareCanceled, ShareExpired; to agree
    also DeviceNotFound, NotManager, BoundAlready, TooManyHolders, TooManyBindings. Source: Feiyan 6.6.10
    """
    if batch is None and len(shares) > MOST_ANSWERED:
        raise InvalidInput("recordIdList", f"must name at most {MOST_ANSWERED}")
    found = _named(person, shares, batch)
    if not all(each.received for each in found):
        raise ShareNotFound(batch or ", ".join(shares))
    open_ = _open(found, whole=batch is None)
    if not agree:
        return _settle(person, open_, State.REFUSED)
    agreed, refused = [], None
    for share in open_:
        try:
            agreed.append(_agree(person, share))
        except OUT_OF_REACH as error:
            refused = refused or error
    if not agreed and refused is not None:
        raise refused
    return agreed


def cancel(person: Person, *, shares: Sequence[str] = (), batch: str | None = None) -> list[Share]:
    """Take back what the person has offered: the named shares, or what is open of a batch.

    Two AWS calls. Raises InvalidInput, ShareNotFound, NotInitiator, ShareAgreed, ShareRefused,
    ShareCanceled, ShareExpired. Source: Feiyan 6.6.9
    """
    if batch is None and len(shares) > MOST_CANCELED:
        raise InvalidInput("recordIdList", f"must name at most {MOST_CANCELED}")
    found = _named(person, shares, batch)
    if any(each.received for each in found):
        raise NotInitiator(batch or ", ".join(shares))
    return _settle(person, _open(found, whole=batch is None), State.CANCELED)


def _named(person: Person, shares: Sequence[str], batch: str | None) -> list[Share]:
    if batch is not None:
        return share_records.stored_batch(person, batch)
    if not shares:
        raise InvalidInput("recordIdList", "is missing, and so is batchId", missing=True)
    return share_records.stored(person, shares)


def _open(found: Sequence[Share], *, whole: bool) -> list[Share]:
    """Those nobody has answered; `whole` where it has to be all of them, else it has to be one."""
    now = clock.now()
    over = [_over(each) for each in found if each.state is not State.OFFERED or each.until <= now]
    if over and (whole or len(over) == len(found)):
        raise over[0]
    return [each for each in found if each.state is State.OFFERED and each.until > now]


def _over(share: Share) -> PolythingError:
    return OVER.get(share.state, ShareExpired)(share.id)


def _settle(person: Person, open_: Sequence[Share], state: State) -> list[Share]:
    """All in one transaction."""
    settled = [_settled(each, state) for each in open_]
    change = Transaction()
    for share in settled:
        _write(change, share, ConditionFailed())
    _tell(change, person, settled)
    try:
        change.commit()
    except ConditionFailed:
        raise _why(person, open_) from None
    return settled


def _why(person: Person, open_: Sequence[Share]) -> PolythingError:
    """What became of shares that were open when they were read. One AWS call."""
    found = share_records.stored(person, [each.id for each in open_])
    over = [each for each in found if each.state is not State.OFFERED or each.until <= clock.now()]
    return _over(over[0]) if over else Busy(found[0].id)


def _agree(person: Person, share: Share) -> Share:
    settled = _settled(share, State.AGREED)

    def beside(change: Transaction) -> None:
        _write(change, settled, ConditionFailed())
        share_offers.check_manager(change, share.initiator, share.device, share.managed)
        _tell(change, person, [settled])

    try:
        bindings.bind(person, person.user, share.device, Role.MEMBER, beside=beside)
    except ConditionFailed:
        raise _why(person, [share]) from None
    except BoundAlready as error:  # by another share, or by this one, agreed to at the same time
        now = _why(person, [share])
        raise error if isinstance(now, Busy) else now from None
    except BindRefused:
        raise NotManager(share.device) from None  # nobody is
    return settled


def _settled(share: Share, state: State) -> Share:
    return msgspec.structs.replace(share, state=state, modified=clock.now())


def _write(change: Transaction, settled: Share, error: Exception) -> None:
    """Both sides, on condition that the one that was read still stands open."""
    open_ = (NoticeRecord.state == State.OFFERED.value) & (NoticeRecord.until > clock.now())
    for received in (True, False):
        own = received is settled.received
        record = share_records.record_of(settled, received=received)
        change.put(record, open_ if own else None, error if own else None)


def _tell(change: Transaction, person: Person, settled: Sequence[Share]) -> None:
    first = settled[0]
    events.emit(
        change,
        EventType.SHARE_SETTLED,
        first.receiver,
        person.tenant,
        person.owner,
        initiator=first.initiator,
        receiver=first.receiver,
        state=first.state,
        shares=[{"share": each.id, "device": each.device} for each in settled],
    )
