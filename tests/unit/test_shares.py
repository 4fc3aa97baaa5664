"""Sharing with a named person: who wins when two act at once, what ends an offer, and what the lists say."""

from collections.abc import Callable

import msgspec
import pytest

from chalicelib.core import (
    bindings,
    events,
    products,
    removal,
    share_answers,
    share_codes,
    share_offers,
    share_records,
    users,
)
from chalicelib.core.bindings import Mode, Role
from chalicelib.core.errors import (
    BoundAlready,
    DeviceNotFound,
    InvalidInput,
    NotBound,
    NotInitiator,
    NotManager,
    NotShareable,
    PolythingError,
    ShareAgreed,
    ShareCanceled,
    ShareCodeNotFound,
    SharedWithOneself,
    ShareExpired,
    ShareNotFound,
    ShareRefused,
    ShareRepeated,
    TooManyHolders,
    UserNotFound,
)
from chalicelib.core.share_records import Share, State
from chalicelib.core.users import Person
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import ProductRecord
from chalicelib.store.users import UserItem
from tests.conftest import Calls
from tests.support.bound import assert_whole, device, person
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.iot import FakeIot
from tests.support.shared import stored

ABSENT = "f" * 32
WEEK = 7 * 24 * 3600
READ, BATCH, WRITE = "dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"
QUERY = "dynamodb.Query"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def ann(fleet: Fleet) -> Person:
    return users.find(person(fleet, "ann")).person


@pytest.fixture
def bob(fleet: Fleet) -> Person:
    return users.find(person(fleet, "bob")).person


def managed(fleet: Fleet, who: Person, *names: str) -> list[str]:
    made = [device(fleet, name) for name in names or ("meter",)]
    for each in made:
        bindings.bind(fleet.caller, who.user, each)
    return made


def offer(ann: Person, devices: list[str], bob: Person) -> list[Share]:
    return share_offers.offer(ann, devices, users.find(bob.user))


def agree(bob: Person, *shares: Share) -> list[Share]:
    return share_answers.answer(bob, agree=True, shares=[each.id for each in shares])


def refuse(bob: Person, *shares: Share) -> list[Share]:
    return share_answers.answer(bob, agree=False, shares=[each.id for each in shares])


def cancel(ann: Person, *shares: Share) -> list[Share]:
    return share_answers.cancel(ann, shares=[each.id for each in shares])


def states(who: Person) -> list[State]:
    found = share_records.notices(who, 0, 100).items
    return [each.state for each in found]


def role(who: Person, device: str) -> Role | None:
    try:
        return bindings.get(who.user, device).role
    except NotBound:
        return None


def told(who: Person) -> list[str]:
    records = sorted(EventRecord.query(who.user), key=lambda each: str(each.event))
    return [f"{read.type.value} {read.data.get('state', '')}".strip() for read in map(events.read, records)]


def test_an_offer_that_is_agreed_to(fleet: Fleet, ann: Person, bob: Person, calls: Calls) -> None:
    meters = managed(fleet, ann, "one", "two")
    products.load(fleet.product.id)
    receiver = users.find(bob.user)
    calls.clear()
    made = share_offers.offer(ann, meters, receiver)
    assert calls.made == [BATCH, WRITE]
    assert states(ann) == states(bob) == [State.OFFERED] * 2
    calls.clear()
    agreed = agree(bob, *made)
    assert calls.made == [BATCH, WRITE, WRITE]
    assert [each.device for each in agreed] == meters
    assert states(ann) == states(bob) == [State.AGREED] * 2
    assert [role(bob, each) for each in meters] == [Role.MEMBER] * 2
    assert told(bob) == ["share.offered"] + ["share.settled agreed"] * 2
    assert_whole()
    stored()


def test_an_offer_that_is_refused_or_canceled_changes_no_binding(
    fleet: Fleet, ann: Person, bob: Person, calls: Calls
) -> None:
    meters = managed(fleet, ann, *"abcd")
    made = offer(ann, meters, bob)
    calls.clear()
    refuse(bob, *made[:2])
    assert calls.made == [BATCH, WRITE]
    calls.clear()
    cancel(ann, *made[2:])
    assert calls.made == [BATCH, WRITE]
    expected = [State.CANCELED] * 2 + [State.REFUSED] * 2
    assert states(ann) == states(bob) == expected
    assert [role(bob, each) for each in meters] == [None] * 4
    assert told(bob) == ["share.offered", "share.settled refused", "share.settled canceled"]
    stored()


def test_what_is_settled_stays_so(fleet: Fleet, ann: Person, bob: Person) -> None:
    agreed, refused, canceled, expired = offer(ann, managed(fleet, ann, *"abcd"), bob)
    agree(bob, agreed)
    refuse(bob, refused)
    cancel(ann, canceled)
    for share, error in ((agreed, ShareAgreed), (refused, ShareRefused), (canceled, ShareCanceled)):
        for act in (lambda s: agree(bob, s), lambda s: refuse(bob, s), lambda s: cancel(ann, s)):
            with pytest.raises(error):
                act(share)
            with pytest.raises(error):  # all or none
                act(share) if share is expired else share_answers.answer(
                    bob, agree=False, shares=[expired.id, share.id]
                )
    assert states(bob)[0] is State.OFFERED
    stored()


def test_an_offer_is_good_for_a_week(fleet: Fleet, ann: Person, bob: Person, clock: FakeClock) -> None:
    one, two = offer(ann, managed(fleet, ann, "a", "b"), bob)
    clock.advance(WEEK - 0.001)
    agree(bob, one)
    clock.advance(0.001)
    assert states(ann) == states(bob) == [State.EXPIRED, State.AGREED]
    for act in (lambda: agree(bob, two), lambda: refuse(bob, two), lambda: cancel(ann, two)):
        with pytest.raises(ShareExpired):
            act()
    again = offer(ann, [two.device], bob)
    agree(bob, *again)


@pytest.mark.parametrize("act", [agree, refuse])
def test_an_offer_that_ends_while_it_is_answered(
    fleet: Fleet,
    ann: Person,
    bob: Person,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[..., object],
) -> None:
    """It is open when it is read, and over when the conditions are made."""
    made = offer(ann, managed(fleet, ann), bob)
    clock.advance(WEEK - 0.001)
    read = share_answers._open

    def slow(found: list[Share], *, whole: bool) -> list[Share]:
        open_ = read(found, whole=whole)
        clock.advance(0.001)
        return open_

    monkeypatch.setattr(share_answers, "_open", slow)
    with pytest.raises(ShareExpired):
        act(bob, *made)
    assert role(bob, made[0].device) is None


def race(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[], object], second: Callable[[], object]
) -> PolythingError:
    """`second` gets in just before the transaction of `first`, which fails then."""
    Faults.installed(monkeypatch).before("TransactWriteItems", second)
    with pytest.raises(PolythingError) as caught:
        first()
    return caught.value


ACTS: dict[str, tuple[Callable[[Person, Person, Share], object], type[PolythingError]]] = {
    "agree": (lambda ann, bob, share: agree(bob, share), ShareAgreed),
    "refuse": (lambda ann, bob, share: refuse(bob, share), ShareRefused),
    "cancel": (lambda ann, bob, share: cancel(ann, share), ShareCanceled),
}


@pytest.mark.parametrize("first", ACTS)
@pytest.mark.parametrize("second", ACTS)
def test_of_two_who_answer_at_once_one_wins(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    (share,) = offer(ann, managed(fleet, ann), bob)
    loser, (winner, error) = ACTS[first][0], ACTS[second]
    raised = race(monkeypatch, lambda: loser(ann, bob, share), lambda: winner(ann, bob, share))
    assert isinstance(raised, error)
    assert (role(bob, share.device) is Role.MEMBER) == (second == "agree")
    assert_whole()
    stored()


def test_an_answer_that_was_lost_or_crashed(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = offer(ann, managed(fleet, ann, "a", "b"), bob)
    faults = Faults.installed(monkeypatch)
    faults.lose_answer("TransactWriteItems")
    agree(bob, one)
    faults.crash("TransactWriteItems")
    with pytest.raises(Crash):
        agree(bob, two)
    assert_whole()
    stored()
    agree(bob, two)


def test_a_batch_that_crashed_half_way_is_answered_by_another_call(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = offer(ann, managed(fleet, ann, *"abc"), bob)
    Faults.installed(monkeypatch).crash("TransactWriteItems", skip=1)
    with pytest.raises(Crash):
        share_answers.answer(bob, agree=True, batch=made[0].batch)
    done = share_answers.answer(bob, agree=True, batch=made[0].batch)
    assert [each.id for each in done] == [made[1].id, made[2].id]
    assert states(ann) == [State.AGREED] * 3
    with pytest.raises(ShareAgreed):
        share_answers.answer(bob, agree=True, batch=made[0].batch)


@pytest.mark.parametrize("gone", ["unbound", "rebound", "seized", "deleted"])
def test_a_device_that_its_initiator_has_lost(
    fleet: Fleet, iot: FakeIot, ann: Person, bob: Person, clock: FakeClock, gone: str
) -> None:
    lost, kept = managed(fleet, ann, "lost", "kept")
    one, two = offer(ann, [lost, kept], bob)
    clock.advance(1)
    lose(fleet, ann, lost, gone)
    expected = {"seized": State.SEIZED, "deleted": State.DELETED}.get(gone, State.UNBOUND)
    assert states(ann) == states(bob) == [State.OFFERED, expected]
    with pytest.raises(DeviceNotFound if gone == "deleted" else NotManager):
        agree(bob, one)
    assert [each.id for each in share_answers.answer(bob, agree=True, batch=one.batch)] == [two.id]
    assert role(bob, lost) is None
    assert role(bob, kept) is Role.MEMBER
    refuse(bob, one)
    assert states(ann) == [State.AGREED, State.REFUSED]


def lose(fleet: Fleet, ann: Person, lost: str, how: str) -> None:
    if how == "deleted":
        removal.delete(fleet.caller, lost)
    elif how == "seized":
        bindings.take(fleet.caller, person(fleet, "eve"), lost, Mode.SEIZED)
    else:
        bindings.unbind(ann.user, lost)
        if how == "rebound":
            bindings.bind(fleet.caller, ann.user, lost)


@pytest.mark.parametrize("gone", ["unbound", "rebound", "seized", "deleted"])
def test_a_device_that_is_lost_while_it_is_agreed_to(
    fleet: Fleet,
    iot: FakeIot,
    ann: Person,
    bob: Person,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    (meter,) = managed(fleet, ann)
    (share,) = offer(ann, [meter], bob)
    clock.advance(1)
    raised = race(monkeypatch, lambda: agree(bob, share), lambda: lose(fleet, ann, meter, gone))
    assert isinstance(raised, DeviceNotFound if gone == "deleted" else NotManager)
    assert role(bob, meter) is None
    assert_whole(deleted=True)


def test_a_new_manager_may_offer_what_the_old_one_did(
    fleet: Fleet, ann: Person, bob: Person, clock: FakeClock
) -> None:
    (meter,) = managed(fleet, ann)
    offer(ann, [meter], bob)
    clock.advance(1)
    eve = users.find(person(fleet, "eve")).person
    bindings.take(fleet.caller, eve.user, meter, Mode.SEIZED)
    (share,) = offer(eve, [meter], bob)
    agree(bob, share)
    assert states(bob) == [State.AGREED, State.SEIZED]


def test_the_same_offer_is_not_made_twice(
    fleet: Fleet, ann: Person, bob: Person, clock: FakeClock, calls: Calls
) -> None:
    one, two = managed(fleet, ann, "one", "two")
    (share,) = offer(ann, [one], bob)
    for again in ([one], [two, one]):
        with pytest.raises(ShareRepeated):
            offer(ann, again, bob)
    eve = users.find(person(fleet, "eve")).person
    offer(ann, [one], eve)
    cancel(ann, share)
    receiver = users.find(bob.user)
    calls.clear()
    (share,) = share_offers.offer(ann, [one], receiver)
    assert calls.made == [BATCH, BATCH, WRITE]
    refuse(bob, share)
    offer(ann, [one], bob)
    clock.advance(WEEK)
    (share,) = offer(ann, [one], bob)
    bindings.unbind(ann.user, one)
    clock.advance(1)
    bindings.bind(fleet.caller, ann.user, one)
    agree(bob, *offer(ann, [one], bob))


def test_the_same_offer_made_twice_at_once(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (meter,) = managed(fleet, ann)
    raised = race(monkeypatch, lambda: offer(ann, [meter], bob), lambda: offer(ann, [meter], bob))
    assert isinstance(raised, ShareRepeated)
    assert states(bob) == [State.OFFERED]
    (share,) = (each.shares[0] for each in share_records.notices(bob, 0, 9).items)
    cancel(ann, share)
    raised = race(monkeypatch, lambda: offer(ann, [meter], bob), lambda: offer(ann, [meter], bob))
    assert isinstance(raised, ShareRepeated)
    assert states(bob) == [State.OFFERED, State.CANCELED]


def test_who_may_offer_what_to_whom(fleet: Fleet, ann: Person, bob: Person) -> None:
    (meter,) = managed(fleet, ann)
    eve = users.find(person(fleet, "eve")).person
    with pytest.raises(SharedWithOneself):
        offer(ann, [meter], ann)
    with pytest.raises(NotBound):
        offer(eve, [meter], bob)
    bindings.bind(fleet.caller, bob.user, meter, Role.MEMBER)
    with pytest.raises(NotManager):
        offer(bob, [meter], eve)
    with pytest.raises(BoundAlready):
        offer(ann, [meter], bob)
    for nothing in ([ABSENT], ["x"], ["x" * 5000], [device(fleet, "nobodys")], [meter, ABSENT]):
        with pytest.raises(NotBound):
            offer(ann, nothing, eve)
    users.remove(eve.user)
    with pytest.raises(UserNotFound):
        share_offers.offer(ann, [meter], msgspec.structs.replace(users.find(bob.user), user=eve.user))
    assert states(ann) == []


def test_people_of_another_application_are_nobody(fleet: Fleet, ann: Person) -> None:
    (meter,) = managed(fleet, ann)
    other = make_application(fleet)
    caller = msgspec.structs.replace(fleet.caller, application=other, owner=other)
    stranger, friend = (users.create(caller, users.NewUser(login=name)) for name in ("s", "f"))
    with pytest.raises(UserNotFound):
        share_offers.offer(ann, [meter], stranger)
    with pytest.raises(NotBound):
        share_offers.offer(stranger.person, [meter], friend)
    with pytest.raises(ShareCodeNotFound):
        share_codes.scan(stranger.person, share_codes.create(ann, [meter]))


def test_twenty_devices_at_most(fleet: Fleet, ann: Person, bob: Person) -> None:
    meters = managed(fleet, ann, *(f"m{n}" for n in range(21)))
    for wrong in (meters, []):
        with pytest.raises(InvalidInput):
            offer(ann, wrong, bob)
        with pytest.raises(InvalidInput):
            share_codes.create(ann, wrong)
    made = offer(ann, [*meters[:20], meters[0]], bob)
    assert len(made) == 20
    with pytest.raises(InvalidInput):
        agree(bob, *made[:11])
    agree(bob, *made[:10])
    share_answers.answer(bob, agree=True, batch=made[0].batch)
    assert states(ann) == [State.AGREED] * 20
    assert_whole()


def test_devices_of_a_product_that_is_not_shared(fleet: Fleet, ann: Person, bob: Person) -> None:
    (meter,) = managed(fleet, ann)
    ProductRecord(fleet.product.id).update([ProductRecord.share_mode.set("seized")])
    products.forget()
    with pytest.raises(NotShareable):
        offer(ann, [meter], bob)
    with pytest.raises(NotShareable):
        share_codes.create(ann, [meter])


def test_only_the_receiver_answers_and_only_the_initiator_cancels(
    fleet: Fleet, ann: Person, bob: Person
) -> None:
    (share,) = offer(ann, managed(fleet, ann), bob)
    eve = users.find(person(fleet, "eve")).person
    for who in (ann, eve):
        for act in (agree, refuse):
            with pytest.raises(ShareNotFound):
                act(who, share)
        with pytest.raises(ShareNotFound):
            share_answers.answer(who, agree=True, batch=share.batch)
    with pytest.raises(NotInitiator):
        cancel(bob, share)
    with pytest.raises(NotInitiator):
        share_answers.cancel(bob, batch=share.batch)
    with pytest.raises(ShareNotFound):
        cancel(eve, share)
    with pytest.raises(ShareNotFound):
        share_records.of_batch(eve, share.batch)
    for nothing in ([ABSENT], ["x"], ["x" * 5000], [""], [share.id, ABSENT]):
        with pytest.raises(ShareNotFound):
            share_answers.answer(bob, agree=True, shares=nothing)
        with pytest.raises(ShareNotFound):
            share_answers.cancel(ann, shares=nothing)
    for batch in (ABSENT, "x", ""):
        with pytest.raises(ShareNotFound):
            share_answers.answer(bob, agree=True, batch=batch)
        with pytest.raises(ShareNotFound):
            share_records.of_batch(bob, batch)
    with pytest.raises(InvalidInput):
        share_answers.answer(bob, agree=True)
    with pytest.raises(InvalidInput):
        share_answers.cancel(ann)
    assert states(ann) == [State.OFFERED]


def test_a_device_that_takes_no_more_people(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (share,) = offer(ann, managed(fleet, ann), bob)
    monkeypatch.setattr(bindings, "MOST_HOLDERS", 1)
    with pytest.raises(TooManyHolders):
        agree(bob, share)
    assert states(bob) == [State.OFFERED]


def test_who_is_bound_meanwhile_by_a_code(fleet: Fleet, ann: Person, bob: Person) -> None:
    (meter,) = managed(fleet, ann)
    (share,) = offer(ann, [meter], bob)
    share_codes.scan(bob, share_codes.create(ann, [meter]))
    with pytest.raises(BoundAlready):
        agree(bob, share)
    refuse(bob, share)


def test_when_one_side_has_left_the_other_can_still_settle(fleet: Fleet, ann: Person, bob: Person) -> None:
    (share,) = offer(ann, managed(fleet, ann), bob)
    users.remove(bob.user)
    for item in UserItem.query(bob.user):
        item.delete()
    cancel(ann, share)
    assert states(ann) == [State.CANCELED]


def test_lists_of_notices(fleet: Fleet, ann: Person, bob: Person, clock: FakeClock, calls: Calls) -> None:
    meters = managed(fleet, ann, *(f"m{n}" for n in range(7)))
    batches = []
    for some in (meters[:3], meters[3:4], meters[4:]):
        clock.advance(1)
        batches.append(offer(ann, some, bob))
    refuse(bob, *batches[1])
    calls.clear()
    first = share_records.notices(bob, 0, 4)
    assert calls.made.count(QUERY) == 2  # a page and the count
    assert calls.made.count(BATCH) == 1
    later = share_records.notices(bob, 1, 4)
    assert (first.total, later.total) == (7, 7)
    listed = [each.shares[0].id for each in (*first.items, *later.items)]
    assert listed == [each.id for batch in reversed(batches) for each in reversed(batch)]
    one, two = (share_records.notices(ann, number, 2, batches=True) for number in (0, 1))
    assert (one.total, two.total) == (3, 3)
    lines = [*one.items, *two.items]
    assert [[each.id for each in line.shares] for line in lines] == [
        [each.id for each in batch] for batch in reversed(batches)
    ]
    assert [line.state for line in lines] == [State.OFFERED, State.REFUSED, State.OFFERED]
    assert share_records.notices(bob, 9, 4).items == []


def test_names_are_those_of_the_offer(fleet: Fleet, ann: Person, bob: Person) -> None:
    users.change(bob.user, users.Changes(nickname="Bob"))
    offer(ann, managed(fleet, ann), bob)
    (share,) = share_records.notices(bob, 0, 9).items[0].shares
    assert (share.initiator_alias, share.receiver_alias) == ("ann", "Bob")
    assert (share.node_id, share.product) == ("meter", fleet.product.id)


def test_clearing_the_list_is_ones_own_affair(
    fleet: Fleet, ann: Person, bob: Person, clock: FakeClock, calls: Calls
) -> None:
    one, two = managed(fleet, ann, "one", "two")
    (share,) = offer(ann, [one], bob)
    calls.clear()
    share_records.clear(bob)
    assert calls.made == ["dynamodb.PutItem"]
    assert states(bob) == []
    assert share_records.notices(bob, 0, 9, batches=True).total == 0
    assert states(ann) == [State.OFFERED]
    assert len(share_records.of_batch(bob, share.batch)) == 1
    agree(bob, share)
    clock.advance(0.001)
    offer(ann, [two], bob)
    assert states(bob) == [State.OFFERED]
    assert states(ann) == [State.OFFERED, State.AGREED]


def test_shares_of_a_batch(fleet: Fleet, ann: Person, bob: Person, calls: Calls) -> None:
    made = offer(ann, managed(fleet, ann, *"abc"), bob)
    offer(ann, managed(fleet, ann, "other"), bob)
    refuse(bob, made[1])
    calls.clear()
    found = share_records.of_batch(bob, made[0].batch)
    assert calls.made == [QUERY, BATCH]
    assert [(each.id, each.state) for each in found] == [
        (made[0].id, State.OFFERED),
        (made[1].id, State.REFUSED),
        (made[2].id, State.OFFERED),
    ]
    assert [each.received for each in found] == [True] * 3
    assert not any(each.received for each in share_records.of_batch(ann, made[0].batch))


def test_a_code_makes_members_of_all_who_scan_it(
    fleet: Fleet, ann: Person, bob: Person, calls: Calls
) -> None:
    meters = managed(fleet, ann, "one", "two")
    products.load(fleet.product.id)
    calls.clear()
    code = share_codes.create(ann, meters)
    assert calls.made == [BATCH, "dynamodb.PutItem"]
    calls.clear()
    assert share_codes.scan(bob, code) == meters
    assert calls.made == [READ, WRITE, WRITE]
    eve = users.find(person(fleet, "eve")).person
    assert share_codes.scan(eve, code) == meters
    assert [role(who, each) for who in (bob, eve) for each in meters] == [Role.MEMBER] * 4
    with pytest.raises(BoundAlready):
        share_codes.scan(bob, code)
    with pytest.raises(SharedWithOneself):
        share_codes.scan(ann, code)
    assert_whole()


def test_one_code_scanned_by_two_at_once(
    fleet: Fleet, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (meter,) = managed(fleet, ann)
    eve = users.find(person(fleet, "eve")).person
    code = share_codes.create(ann, [meter])
    Faults.installed(monkeypatch).before("TransactWriteItems", lambda: share_codes.scan(eve, code))
    share_codes.scan(bob, code)
    assert role(eve, meter) is role(bob, meter) is Role.MEMBER
    assert_whole()


def test_a_code_is_good_for_half_an_hour(
    fleet: Fleet, ann: Person, bob: Person, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (meter,) = managed(fleet, ann)
    eve = users.find(person(fleet, "eve")).person
    code = share_codes.create(ann, [meter])
    clock.advance(30 * 60 - 0.001)
    share_codes.scan(bob, code)
    find = share_codes.ShareCodeRecord.find

    def slow(name: str) -> object:
        record = find(name)
        clock.advance(0.001)
        return record

    monkeypatch.setattr(share_codes.ShareCodeRecord, "find", slow)
    with pytest.raises(ShareExpired):
        share_codes.scan(eve, code)
    monkeypatch.undo()
    for unknown in ("", "x", "x" * 5000, code + "x"):
        with pytest.raises(ShareCodeNotFound):
            share_codes.scan(eve, unknown)
    assert role(eve, meter) is None


def test_a_code_ends_in_the_middle_of_a_scan(
    fleet: Fleet, ann: Person, bob: Person, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was bound before stays so, and the scan says that the code is over."""
    meters = managed(fleet, ann, "one", "two")
    code = share_codes.create(ann, meters)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: clock.advance(1800), skip=0)
    with pytest.raises(ShareExpired):
        share_codes.scan(bob, code)
    assert [role(bob, each) for each in meters] == [Role.MEMBER, None]


@pytest.mark.parametrize("gone", ["unbound", "rebound", "seized", "deleted"])
def test_a_code_of_a_device_that_its_initiator_has_lost(
    fleet: Fleet, iot: FakeIot, ann: Person, bob: Person, clock: FakeClock, gone: str
) -> None:
    lost, kept = managed(fleet, ann, "lost", "kept")
    alone, both = share_codes.create(ann, [lost]), share_codes.create(ann, [lost, kept])
    clock.advance(1)
    lose(fleet, ann, lost, gone)
    with pytest.raises(DeviceNotFound if gone == "deleted" else NotManager):
        share_codes.scan(bob, alone)
    assert share_codes.scan(bob, both) == [kept]


def test_what_may_be_shared_by_a_code(fleet: Fleet, ann: Person, bob: Person) -> None:
    (meter,) = managed(fleet, ann)
    with pytest.raises(NotBound):
        share_codes.create(bob, [meter])
    bindings.bind(fleet.caller, bob.user, meter, Role.MEMBER)
    with pytest.raises(NotManager):
        share_codes.create(bob, [meter])
