"""Shares, whatever people do, in whatever order, whenever a worker dies or another comes between: both
sides of each share say the same, who agrees is a member and nobody else, and what is settled stays so.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from chalicelib.core import bindings, share_answers, share_codes, share_offers, users
from chalicelib.core.bindings import Mode, Role
from chalicelib.core.errors import DeviceNotFound, OfPeople, ShareNotFound
from chalicelib.core.share_records import Share, State
from tests.support.bound import assert_whole, device, person
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.machines import Lambda, empty
from tests.support.shared import stored

PEOPLE, DEVICES = 3, 2
MOSTLY = 16  # of 20
WEEK, HALF_HOUR = 7 * 24 * 3600, 30 * 60
_names = itertools.count()

Held = dict[str, dict[str, tuple[Role, int]]]  # device: person: role and since when
Offer = tuple[str, str, str, int, int]  # device, initiator, receiver, managed, until


class Seen(NamedTuple):
    """Of the shares only what they are about: ids differ with the order of two that come at once."""

    held: Held
    shares: Counter[tuple[Offer, State]]


WHO, WHAT, WHICH = st.integers(0, PEOPLE - 1), st.integers(0, DEVICES - 1), st.integers(0, 20)
OFFER = st.tuples(st.just("offer"), WHO, WHAT, WHO)
ANSWER = st.tuples(st.sampled_from(["agree", "agree", "agree", "refuse", "cancel"]), WHICH)
MOVE = st.tuples(st.sampled_from(["seize", "seize", "leave"]), WHO, WHAT)
SCAN = st.tuples(st.just("scan"), WHO, WHICH)
OPS = st.one_of(OFFER, OFFER, ANSWER, ANSWER, ANSWER, ANSWER, MOVE, MOVE, SCAN)
WAITS = st.sampled_from([0.001, 0.001, 1, 1, HALF_HOUR - 0.001, HALF_HOUR, WEEK - 0.001])


class World:
    fleet: Fleet
    process: Lambda
    clock: FakeClock


class Household(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        empty("users", "devices", "aliases", "outbox", "counters", "codes")
        users.forget()
        some = next(_names)
        self.people = [person(World.fleet, f"p{some}-{number}") for number in range(PEOPLE)]
        self.devices = [device(World.fleet, f"d{some}-{number}") for number in range(DEVICES)]
        self.codes: list[tuple[str, str, str, int, int]] = []  # text, device, initiator, managed, until
        for each in self.devices:
            bindings.bind(World.fleet.caller, self.people[0], each)

    def shares(self) -> list[Share]:
        """Those that an operation may name: it sees them as they were before it."""
        return stored()

    def seen(self) -> Seen:
        held = {
            each: {one.user: (one.role, one.bound) for one in bindings.of_device(each)}
            for each in self.devices
        }
        return Seen(held, Counter((_offer(each), each.state) for each in self.shares()))

    def plan(self, op: Any) -> tuple[Callable[[], object], Callable[[Seen], Seen]]:
        """The call, and what it makes of what is seen; the same where it is refused."""
        what, *rest = op
        now = World.clock.at
        if what in ("seize", "leave", "offer"):
            user, thing = self.people[rest[0]], self.devices[rest[1]]
            if what == "seize":
                take = lambda: bindings.take(World.fleet.caller, user, thing, Mode.SEIZED)  # noqa: E731
                return take, lambda seen: _seized(seen, user, thing, now)
            if what == "leave":
                return lambda: bindings.unbind(user, thing), lambda seen: _left(seen, user, thing)
            to = self.people[rest[2]]
            managers = [each.user for each in bindings.of_device(thing) if each.role is Role.MANAGER]
            user = managers[0] if managers and rest[0] else user  # mostly who may
            caller, receiver = users.find(user).person, users.find(to)
            return (
                lambda: share_offers.offer(caller, [thing], receiver),
                lambda seen: _offered(seen, user, thing, to, now),
            )
        if what == "scan":
            if not self.codes:
                return _nothing, _same
            code, thing, initiator, managed, until = self.codes[rest[1] % len(self.codes)]
            scanner = users.find(self.people[rest[0]]).person
            good = initiator != scanner.user and now < until
            return (
                lambda: share_codes.scan(scanner, code),
                lambda seen: _joined(seen, scanner.user, thing, initiator, managed, now) if good else seen,
            )
        shares = self.shares()
        if not shares:
            return _nothing, _same
        open_ = [each for each in shares if each.state is State.OFFERED and each.until > now]
        shares = open_ if open_ and rest[0] < MOSTLY else shares  # mostly what can be answered
        share = shares[rest[0] % len(shares)]
        return self._answer(what, share, now)

    def _answer(
        self, what: str, share: Share, now: int
    ) -> tuple[Callable[[], object], Callable[[Seen], Seen]]:
        if what == "cancel":
            caller = users.find(share.initiator).person
            cancel = lambda: share_answers.cancel(caller, shares=[share.id])  # noqa: E731
            return cancel, lambda seen: _settled(seen, share, State.CANCELED, now)
        receiver = users.find(share.receiver).person
        agree = what == "agree"

        def after(seen: Seen) -> Seen:
            if not agree:
                return _settled(seen, share, State.REFUSED, now)
            joined = _joined(seen, share.receiver, share.device, share.initiator, share.managed, now)
            settled = _settled(seen, share, State.AGREED, now)
            return seen if joined is seen or settled is seen else Seen(joined.held, settled.shares)

        return lambda: share_answers.answer(receiver, agree=agree, shares=[share.id]), after

    @rule(op=OPS)
    def call(self, op: Any) -> None:
        before = self.seen()
        run, after = self.plan(op)
        done = _tried(run)
        assert self.seen() == after(before)
        assert done is (after(before) != before)
        assert_whole()

    @rule(op=OPS, left=st.integers(0, 3), after=st.booleans())
    def die(self, op: Any, left: int, after: bool) -> None:
        before = self.seen()
        run, made = self.plan(op)
        with World.process.crashing(left, after=after):
            _tried(run)
        assert self.seen() in (before, made(before))
        assert_whole()

    @rule(op=OPS, other=OPS, left=st.integers(0, 3))
    def interrupt(self, op: Any, other: Any, left: int) -> None:
        before = self.seen()
        (run, made), (run_other, made_other) = self.plan(op), self.plan(other)
        others: list[bool] = []

        with World.process.meanwhile(left, lambda: others.append(_tried(run_other))):
            done = _tried(run)
        if not others:
            assert (self.seen(), done) == (made(before), made(before) != before)
        else:  # as if one had come after the other, to the callers too
            first, second = made(before), made_other(before)
            assert (self.seen(), done, others[0]) in (
                (made_other(first), first != before, made_other(first) != first),
                (made(second), made(second) != second, second != before),
            )
        assert_whole()

    @rule(who=WHO, what=WHAT)
    def show(self, who: int, what: int) -> None:
        """A QR code, where the person may make one."""
        user, thing = self.people[who], self.devices[what]
        held = self.seen().held[thing].get(user)
        try:
            code = share_codes.create(users.find(user).person, [thing])
        except OfPeople:
            assert held is None or held[0] is Role.MEMBER
        else:
            assert held is not None
            self.codes.append((code, thing, user, held[1], World.clock.at + HALF_HOUR * 1000))

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        World.clock.advance(seconds)


def _nothing() -> None:
    raise ShareNotFound("there is none yet")


def _same(seen: Seen) -> Seen:
    return seen


def _tried(call: Callable[[], object]) -> bool:
    try:
        call()
    except (OfPeople, DeviceNotFound):
        return False
    return True


def _offer(share: Share) -> Offer:
    return share.device, share.initiator, share.receiver, share.managed, share.until


def _with(seen: Seen, thing: str, held: dict[str, tuple[Role, int]]) -> Seen:
    return Seen({**seen.held, thing: held}, seen.shares)


def _seized(seen: Seen, user: str, thing: str, now: int) -> Seen:
    if user in seen.held[thing]:
        return seen
    return _with(seen, thing, {user: (Role.MANAGER, now)})


def _left(seen: Seen, user: str, thing: str) -> Seen:
    held = seen.held[thing]
    if user not in held:
        return seen
    alone = {} if held[user][0] is Role.MANAGER else {k: v for k, v in held.items() if k != user}
    return _with(seen, thing, alone)


def _joined(seen: Seen, user: str, thing: str, initiator: str, managed: int, now: int) -> Seen:
    held = seen.held[thing]
    if user in held or held.get(initiator) != (Role.MANAGER, managed):
        return seen
    return _with(seen, thing, {**held, user: (Role.MEMBER, now)})


def _offered(seen: Seen, user: str, thing: str, to: str, now: int) -> Seen:
    held = seen.held[thing]
    if to == user or to in held or held.get(user, (None, 0))[0] is not Role.MANAGER:
        return seen
    managed = held[user][1]
    for (on, initiator, receiver, since, until), state in seen.shares:
        same = (on, initiator, receiver, since) == (thing, user, to, managed)
        if same and state is State.OFFERED and until > now:
            return seen
    made: Offer = (thing, user, to, managed, now + WEEK * 1000)
    return Seen(seen.held, seen.shares + Counter([(made, State.OFFERED)]))


def _settled(seen: Seen, share: Share, state: State, now: int) -> Seen:
    open_ = (_offer(share), State.OFFERED)
    if share.until <= now or not seen.shares[open_]:
        return seen
    return Seen(seen.held, seen.shares - Counter([open_]) + Counter([(_offer(share), state)]))


def test_shares_hold_whatever_happens(aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    World.fleet, World.process, World.clock = make_fleet(), Lambda(), clock
    World.process.install(monkeypatch)
    run_state_machine_as_test(
        Household,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # an example takes a second: shrinking one would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
