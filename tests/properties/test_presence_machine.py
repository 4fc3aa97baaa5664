"""Presence against a model of the broker: events late, twice and in any order never leave the device's
status wrong, and never take a device offline whose present connection is announced.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.core import connections, links, registration
from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord
from chalicelib.store.outbox import EventRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.mqtt import Mqtt, presence, stamp

CLIENTS = 3
_names = itertools.count()


@dataclass(frozen=True)
class Event:
    kind: str
    client: str
    session: str
    at: int


@dataclass(frozen=True)
class Job:
    due: int
    arguments: tuple[str, str, int]


@dataclass(frozen=True)
class Message:
    """A report on its way through the rule to the ingest function."""

    client: str
    at: int
    number: int


class World:
    """What the machine's examples share: one account, one tenant."""

    fleet: Fleet
    clock: FakeClock
    machine: "Presence | None" = None


class Presence(RuleBasedStateMachine):
    """One device with a few MQTT clients. `alive` is the broker's truth: session by client."""

    def __init__(self) -> None:
        super().__init__()
        links.forget()
        World.machine = self
        new = registration.NewDevice(
            f"meter-{next(_names)}", registration.BY_SECRET, product=World.fleet.product.id
        )
        made = registration.register(World.fleet.caller, new)
        self.device = made.device.device
        self.others = connections.total()
        hours = [stamp(-1), stamp(0), stamp(1)]
        self.clients = [Mqtt(self.device, made.secret, mode=0, stamp=hours[n]) for n in range(CLIENTS)]
        self.sessions = itertools.count(1)
        self.alive: dict[str, str] = {}
        self.newest = ""  # the client admitted last
        self.pending: list[Event] = []
        self.past: list[Event] = []
        self.jobs: list[Job] = []
        self.done: list[Job] = []
        self.messages: list[Message] = []
        self.ever = False
        self.announced: set[str] = set()

    # what the broker does

    @rule(which=st.integers(0, CLIENTS - 1), answered=st.booleans())
    def connect(self, which: int, answered: bool) -> None:
        """`answered`: the connection comes about; else the device was gone before the answer."""
        client = self.clients[which]
        assert client.authorize()["isAuthenticated"]
        self.newest = client.client
        self._tick()
        if not answered:
            return
        session = f"session-{next(self.sessions)}"
        before = self.alive.get(client.client)
        self.alive[client.client] = session
        self._tell("connected", client.client, session)
        self._tick()
        if before:
            self._tell("disconnected", client.client, before)
        self.ever = True

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def drop(self, data: Any) -> None:
        self.end(data.draw(st.sampled_from(sorted(self.alive))))

    def end(self, client: str) -> None:
        """The broker ends a connection: the device left, or DeleteConnection asked for it."""
        session = self.alive.pop(client, None)
        self._tick()
        if session:
            self._tell("disconnected", client, session)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def publish(self, data: Any) -> None:
        client = data.draw(st.sampled_from(sorted(self.alive)))
        self.messages.append(Message(client, World.clock.at, len(self.messages)))
        self._tick()

    @rule(seconds=st.sampled_from([0.2, 1, 6, 61]))
    def wait(self, seconds: float) -> None:
        World.clock.advance(seconds)

    # what reaches the cloud

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def deliver(self, data: Any) -> None:
        event = data.draw(st.sampled_from(self.pending))
        self.pending.remove(event)
        self.past.append(event)
        self._hand(event)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def deliver_again(self, data: Any) -> None:
        self._hand(data.draw(st.sampled_from(self.past)))

    @precondition(lambda self: any(job.due <= World.clock.at for job in self.jobs))
    @rule(data=st.data(), again=st.booleans())
    def work(self, data: Any, again: bool) -> None:
        due = [job for job in self.jobs if job.due <= World.clock.at]
        job = data.draw(st.sampled_from(due))
        if not again:
            self.jobs.remove(job)
        links.gone(*job.arguments)

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def ingest(self, data: Any) -> None:
        message = data.draw(st.sampled_from(self.messages))
        self.messages.remove(message)
        self._ingest(message)

    # what must hold

    @invariant()
    def an_announced_connection_is_online(self) -> None:
        session = self.alive.get(self.newest)
        if session and session in self.announced:
            assert self._status() == "ONLINE"
            link = LinkRecord.get(self.device, LINK)
            assert (link.client, link.online) == (self.newest, True)

    def teardown(self) -> None:
        if World.machine is not self:
            return
        while self.pending or self.jobs or self.messages:
            while self.pending:
                self._hand(self.pending.pop(0))
            while self.messages:
                self._ingest(self.messages.pop(0))
            World.clock.advance(61)
            for job in [job for job in self.jobs if job.due <= World.clock.at]:
                self.jobs.remove(job)
                links.gone(*job.arguments)
            self.an_announced_connection_is_online()
        assert connections.total() - self.others == bool(self.alive)
        record = DeviceRecord.get(self.device, DEVICE)
        assert record.activated is self.ever
        wanted = "INACTIVE" if not self.ever else "ONLINE" if self.alive else "OFFLINE"
        assert record.status == wanted
        bound = [event for event in EventRecord.query(self.device) if event.type == "device.bound"]
        assert len(bound) == self.ever

    def _tell(self, kind: str, client: str, session: str) -> None:
        self.pending.append(Event(kind, client, session, World.clock.at))

    def _hand(self, event: Event) -> None:
        presence(event.client, event.session, event.kind, event.at)
        if event.kind == "connected" and event.client == self.newest:
            self.announced.add(event.session)

    def _ingest(self, message: Message) -> None:
        client = next(each for each in self.clients if each.client == message.client)
        client.report("Meter", {"level": 1}, at=message.at, message=f"{self.device}-{message.number}")

    def _status(self) -> str:
        return str(DeviceRecord.get(self.device, DEVICE).status)

    @staticmethod
    def _tick() -> None:
        World.clock.advance(0.01)


def test_presence_follows_the_broker(aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.aws import iot, queues

    def work(job: str, delay: int = 0, **arguments: Any) -> None:
        if job == "gone" and World.machine:
            named = (arguments["client"], arguments["session"], arguments["at"])
            World.machine.jobs.append(Job(clock.at + delay * 1000, named))

    def disconnect(client: str) -> None:
        if World.machine:
            World.machine.end(client)

    monkeypatch.setattr(queues, "work", work)
    monkeypatch.setattr(iot, "disconnect", disconnect)
    World.fleet, World.clock = make_fleet(), clock
    run_state_machine_as_test(
        Presence,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # an example takes a second: shrinking one would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
