"""IoT Core's data plane inside botocore: clients that are connected, what they are sent, how they react.

Nothing of ours is replaced: the calls leave the real client and are answered where the HTTP request
would be made, so moto's own stub never sees them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import unquote

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.support.clock import FakeClock
from tests.support.queues import WorkQueue

ENDPOINT = "https://data-ats.iot.us-east-1.amazonaws.com"


class Reaction(Enum):
    """How a client takes a message; `arrives` tells whether it gets there."""

    CONFIRMS = "acknowledges at once"
    SILENT = "gets it, and never acknowledges"
    LOST = "never gets it, so cannot acknowledge"
    STALLS = "gets it; the caller's read times out"
    CUT = "gets it; the connection to AWS is cut before the answer"
    THROTTLED = "is refused: too many messages"
    FORBIDDEN = "is refused: no right to receive"

    @property
    def arrives(self) -> bool:
        return self in (Reaction.CONFIRMS, Reaction.SILENT, Reaction.STALLS, Reaction.CUT)


FAILURES = {
    Reaction.SILENT: (504, "GatewayTimeoutException"),
    Reaction.LOST: (504, "GatewayTimeoutException"),
    Reaction.THROTTLED: (429, "ThrottlingException"),
    Reaction.FORBIDDEN: (403, "ForbiddenException"),
}


@dataclass(frozen=True)
class Sent:
    """A message that arrived at a client."""

    client: str
    topic: str
    body: bytes
    confirmed: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def mid(self) -> int:
        return int(self.json["mid"])


@dataclass
class FakeIot:
    """`before` runs when a message is about to be judged, so that a test can let something happen then."""

    clients: dict[str, Reaction] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)  # clients, whatever came of it
    arrived: list[Sent] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # connections deleted
    before: Callable[[str], None] | None = None

    def connect(self, client: str, reaction: Reaction = Reaction.CONFIRMS) -> None:
        self.clients[client] = reaction

    def drop(self, client: str) -> None:
        self.clients.pop(client, None)

    def to(self, client: str) -> list[Sent]:
        return [message for message in self.arrived if message.client == client]

    @property
    def mids(self) -> list[int]:
        return [message.mid for message in self.arrived]

    def install(self) -> None:
        """For all clients that this process makes from now on, until its session is forgotten."""
        from chalicelib.aws import clients

        clients._session().register("before-call.iot-data-plane", self._answer)
        clients.client.cache_clear()

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        client = unquote(params["url_path"].split("/connections/")[1].split("/")[0].split("?")[0])
        if model.name == "DeleteConnection":
            return self._delete(client)
        assert model.name == "SendDirectMessage", model.name
        self.tried.append(client)
        if self.before is not None:
            self.before(client)
        reaction = self.clients.get(client)
        if reaction is None:
            return _failed(404, "ResourceNotFoundException")
        query = params["query_string"]
        asked = str(query["confirmation"]).lower() == "true"
        if reaction.arrives:
            self.arrived.append(Sent(client, query["topic"], _bytes(params["body"]), asked))
        if reaction is Reaction.STALLS:
            raise ReadTimeoutError(endpoint_url=ENDPOINT)
        if reaction is Reaction.CUT:
            raise ConnectionClosedError(endpoint_url=ENDPOINT)
        if reaction in FAILURES and (asked or FAILURES[reaction][0] != 504):
            return _failed(*FAILURES[reaction])
        return _done()

    def _delete(self, client: str) -> tuple[AWSResponse, dict[str, Any]]:
        self.ended.append(client)
        if self.clients.pop(client, None) is None:
            return _failed(404, "ResourceNotFoundException")
        return _done()


def _bytes(body: Any) -> bytes:
    if hasattr(body, "read"):
        return bytes(body.read())
    return body.encode() if isinstance(body, str) else bytes(body)


def _done() -> tuple[AWSResponse, dict[str, Any]]:
    return AWSResponse(ENDPOINT, 200, {}, None), {"message": "OK", "ResponseMetadata": {}}


def _failed(status: int, code: str) -> tuple[AWSResponse, dict[str, Any]]:
    answer = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AWSResponse(ENDPOINT, status, {}, None), answer


@dataclass
class FakeDevice:
    """A registered device and its MQTT client. Its link is written as the authorizer and the presence
    handler leave it.
    """

    id: str
    iot: FakeIot
    client: str = ""
    connections: int = 0

    def connect(self, reaction: Reaction = Reaction.CONFIRMS, *, wake: bool = True) -> None:
        """Come online; `wake` false loses the job that sends what waits."""
        from chalicelib.aws import queues
        from chalicelib.core import clock
        from chalicelib.store.devices import DEVICE, LINK, QUEUE, DeviceRecord, LinkRecord, QueueRecord

        self.connections += 1
        self.iot.drop(self.client)
        self.client = f"{self.id}_0_0_{self.connections}"
        self.iot.connect(self.client, reaction)
        LinkRecord(
            self.id,
            LINK,
            client=self.client,
            dialect="huawei",
            topic_id=self.id,
            since=clock.now(),
            session=f"session-{self.connections}",
            online=True,
        ).save()
        DeviceRecord(self.id, DEVICE).update(
            [
                DeviceRecord.status.set("ONLINE"),
                DeviceRecord.activated.set(True),
                DeviceRecord.last_seen.set(clock.now()),
            ]
        )
        queue = QueueRecord.find(self.id, QUEUE)
        if wake and queue is not None and queue.waiting:
            queues.work("drain", device=self.id)
        if wake and queue is not None and queue.shadows:
            queues.work("shadow", device=self.id)
        if wake and queue is not None and queue.upgrades and not queue.upgrading:
            queues.work("upgrade", device=self.id)

    def vanish(self) -> None:
        """The connection ends; the cloud has not heard of it yet."""
        self.iot.drop(self.client)

    def disconnect(self) -> None:
        """The connection ends, and the cloud knows."""
        from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord

        self.vanish()
        LinkRecord(self.id, LINK).update([LinkRecord.online.set(False)])
        DeviceRecord(self.id, DEVICE).update([DeviceRecord.status.set("OFFLINE")])

    def answer(self, mid: int, errcode: int = 0, body: dict[str, Any] | None = None) -> None:
        from chalicelib.core import sending

        sending.answer(self.id, mid, errcode, body)


def add_device(fleet: Any, iot: FakeIot, node_id: str = "meter-1") -> FakeDevice:
    from chalicelib.core import registration

    new = registration.NewDevice(node_id, registration.BY_SECRET, product=fleet.product.id)
    return FakeDevice(registration.register(fleet.caller, new).device.device, iot)


@dataclass
class Rig:
    """A tenant with one device, the broker and the work queue."""

    fleet: Any
    clock: FakeClock
    iot: FakeIot
    work: WorkQueue
    device: FakeDevice

    def create(self, value: int = 1, **more: Any) -> str:
        """A new command; answers its id in the device. Each is a millisecond younger than the last."""
        from chalicelib.core import commands

        self.clock.advance(0.001)
        new = commands.NewCommand(self.device.id, "Meter", "SET_LEVEL", {"value": value}, "huawei", **more)
        return commands.create(self.fleet.caller, new).command

    def send(self, *, confirm: bool = True, **more: Any) -> Any:
        from chalicelib.core import direct
        from chalicelib.core.commands import NewCommand
        from chalicelib.handlers import wiring

        wiring.wire()
        new = NewCommand(self.device.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei", **more)
        return direct.send(self.fleet.caller, new, confirm=confirm)

    def record(self, command: str) -> Any:
        from chalicelib.store.commands import CommandRecord

        found = CommandRecord.find(self.device.id, command)
        assert found is not None
        return found

    def state(self, command: str) -> str:
        from chalicelib.core.command_states import command_of

        return command_of(self.record(command)).status.value

    def queue(self) -> tuple[list[str], str | None]:
        """The commands that wait, and the one in flight."""
        from chalicelib.store.devices import QUEUE, QueueRecord

        found = QueueRecord.find(self.device.id, QUEUE)
        return (list(found.waiting or ()), found.flying) if found else ([], None)

    def pass_time(self, seconds: float) -> list[str]:
        """The clock moves, the sweep runs, jobs are worked."""
        from chalicelib.core import overdue

        self.clock.advance(seconds)
        overdue.sweep()
        return self.work.run()

    def events(self) -> list[tuple[str, str]]:
        """Type and status of all that was told of commands, in order."""
        from chalicelib.store.outbox import EventRecord

        told = [(record.type, json.loads(record.data)) for record in EventRecord.query(self.device.id)]
        return [(kind, data["command"]["status"]) for kind, data in told if "command" in data]


def make_rig(clock: FakeClock) -> Rig:
    from tests.support.fleet import make_fleet

    fleet, iot = make_fleet(), FakeIot()
    iot.install()
    return Rig(fleet, clock, iot, WorkQueue(clock), add_device(fleet, iot))
