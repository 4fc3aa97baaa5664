"""Bindings, whatever people do, in whatever order, whenever a worker dies or another comes between: both
sides of each binding are there or neither, and every call does all of its work or nothing.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from chalicelib.core import bindings, removal, unregistration, users
from chalicelib.core.bindings import Mode, Reason, Role
from chalicelib.core.errors import DeviceNotFound, OfPeople
from chalicelib.store.devices import DeviceItem
from chalicelib.store.users import UserItem
from tests.support.bound import assert_whole, device, person
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.machines import Lambda, empty

PEOPLE, DEVICES = 4, 3
MOST, MOST_HOLDERS = 2, 3
_names = itertools.count()

State = dict[str, dict[str, Role]]  # device: person: role; a device or person that is gone is in none
Op = tuple[str, int, int, str]  # what, person, device, how
OPS = st.one_of(
    st.tuples(
        st.just("take"), st.integers(0, PEOPLE - 1), st.integers(0, DEVICES - 1), st.sampled_from(Mode)
    ),
    st.tuples(st.just("join"), st.integers(0, PEOPLE - 1), st.integers(0, DEVICES - 1), st.none()),
    st.tuples(st.just("leave"), st.integers(0, PEOPLE - 1), st.integers(0, DEVICES - 1), st.none()),
    st.tuples(
        st.just("send away"),
        st.integers(0, PEOPLE - 1),
        st.integers(0, DEVICES - 1),
        st.integers(0, PEOPLE - 1),
    ),
    st.tuples(st.just("clear"), st.just(0), st.integers(0, DEVICES - 1), st.none()),
)


class World:
    fleet: Fleet
    process: Lambda


class Household(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        empty("users", "devices", "aliases", "outbox", "counters")
        users.forget()
        some = next(_names)
        self.people = [person(World.fleet, f"p{some}-{number}") for number in range(PEOPLE)]
        self.devices = [device(World.fleet, f"d{some}-{number}") for number in range(DEVICES)]
        self.gone: set[str] = set()

    def state(self) -> State:
        """As the devices have it; `assert_whole` holds the people's side against it."""
        return {
            each: {holder.user: holder.role for holder in bindings.of_device(each)} for each in self.devices
        }

    def run(self, op: Any) -> None:
        what, who, where, how = op
        user, thing, caller = self.people[who], self.devices[where], World.fleet.caller
        if what == "take":
            bindings.take(caller, user, thing, how)
        elif what == "join":
            bindings.bind(caller, user, thing, Role.MEMBER)
        elif what == "leave":
            bindings.unbind(user, thing)
        elif what == "send away":
            bindings.unbind_by_manager(user, self.people[how], thing)
        else:
            bindings.end_all(thing, Reason.BY_APPLICATION)

    def after(self, state: State, op: Any) -> State:
        """What the call makes of the state; the same where it is refused."""
        what, who, where, how = op
        user, thing = self.people[who], self.devices[where]
        held = dict(state[thing])
        if what in ("take", "join"):
            mode = Mode.SHARED if what == "join" else how
            if thing in self.gone or user in self.gone or user in held or (what == "join" and not held):
                return state
            if held and mode is Mode.AUTHORIZED:
                return state
            mine = sum(user in each for each in state.values())
            if mine >= MOST or (held and mode is Mode.SHARED and len(held) >= MOST_HOLDERS):
                return state
            if mode is Mode.SEIZED:
                held = {}
            held[user] = Role.MEMBER if held else Role.MANAGER
        elif what == "leave":
            held = {} if held.get(user) is Role.MANAGER else {k: v for k, v in held.items() if k != user}
        elif what == "send away":
            target = self.people[how]
            if held.get(user) is Role.MANAGER:
                held = {} if target == user else {k: v for k, v in held.items() if k != target}
            elif target == user:
                held.pop(user, None)
        else:
            held = {}
        return {**state, thing: held}

    @rule(op=OPS)
    def call(self, op: Any) -> None:
        before = self.state()
        self._tried(lambda: self.run(op))
        assert self.state() == self.after(before, op)
        assert_whole(deleted=True)

    @rule(op=OPS, left=st.integers(0, 3), after=st.booleans())
    def die(self, op: Any, left: int, after: bool) -> None:
        before = self.state()
        with World.process.crashing(left, after=after):
            self._tried(lambda: self.run(op))
        assert self.state() in (before, self.after(before, op))
        assert_whole(deleted=True)

    @rule(op=OPS, other=OPS, left=st.integers(0, 3))
    def interrupt(self, op: Any, other: Any, left: int) -> None:
        before = self.state()
        happened: list[bool] = []

        def between() -> None:
            happened.append(True)
            self._tried(lambda: self.run(other))

        with World.process.meanwhile(left, between):
            self._tried(lambda: self.run(op))
        if not happened:
            assert self.state() == self.after(before, op)
        else:
            first, second = (
                self.after(self.after(before, op), other),
                self.after(self.after(before, other), op),
            )
            assert self.state() in (first, second)
        assert_whole(deleted=True)

    @rule(where=st.integers(0, DEVICES - 1), left=st.none() | st.integers(0, 8), after=st.booleans())
    def delete(self, where: int, left: int | None, after: bool) -> None:
        """The device goes; its purge dies and comes again."""
        thing = self.devices[where]
        if thing not in self.gone:
            removal.delete(World.fleet.caller, thing)
            self.gone.add(thing)
        with World.process.crashing(left, after=after):
            removal.purge(thing)
        assert_whole(deleted=True)
        for _ in range(2):
            removal.purge(thing)
        assert list(DeviceItem.query(thing)) == []

    @rule(who=st.integers(0, PEOPLE - 1), left=st.none() | st.integers(0, 8), after=st.booleans())
    def unregister(self, who: int, left: int | None, after: bool) -> None:
        """The person goes; the clearing dies and comes again."""
        user = self.people[who]
        if user not in self.gone:
            users.remove(user)
            self.gone.add(user)
        with World.process.crashing(left, after=after):
            unregistration.perform(user)
        assert_whole(deleted=True)
        for _ in range(2):
            unregistration.perform(user)
        assert list(UserItem.query(user)) == []
        assert_whole(deleted=True)

    def _tried(self, call: Callable[[], object]) -> None:
        with suppress(OfPeople, DeviceNotFound):
            call()


def test_bindings_hold_whatever_happens(
    aws: None, clock: FakeClock, iot: FakeIot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bindings, "MOST", MOST)
    monkeypatch.setattr(bindings, "MOST_HOLDERS", MOST_HOLDERS)
    World.fleet, World.process = make_fleet(), Lambda()
    World.process.install(monkeypatch)
    run_state_machine_as_test(
        Household,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # an example takes a second: shrinking one would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
