"""Huawei 1.8: what is pushed, from the change that an app or a device makes to the POST it gets."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from chalicelib.aws import addresses
from chalicelib.core import commands, events, registration, subscriptions
from chalicelib.core.commands import Command, Mode, Status
from chalicelib.core.events import Event, EventType
from chalicelib.dialects.huawei import notify
from chalicelib.handlers import outbox, queues
from chalicelib.store.transactions import Transaction
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver, receiving
from tests.support.triggers import delete, received, stream

AT = 1_700_000_000_000
TIME = "20231114T221320Z"
REGISTER = "/iocm/app/reg/v2.0.0/deviceCredentials"
BY_CODE = "/iocm/app/reg/v1.1.0/deviceCredentials"
DEVICE = "/iocm/app/dm/v1.4.0/devices"
SUBSCRIBE = "/iocm/app/sub/v1.2.0/subscriptions"
INFO = [  # Source: Huawei 1.8.1, DeviceInfo
    "nodeId",
    "name",
    "description",
    "manufacturerId",
    "manufacturerName",
    "mac",
    "location",
    "deviceType",
    "model",
    "swVersion",
    "fwVersion",
    "hwVersion",
    "protocolType",
    "bridgeId",
    "status",
    "statusDetail",
    "mute",
    "supportedSecurity",
    "isSecurity",
    "signalStrength",
    "sigVersion",
    "serialNumber",
    "batteryLevel",
]
PUSHED = [
    "deviceAdded",
    "bindDevice",
    "deviceInfoChanged",
    "deviceDataChanged",
    "deviceDatasChanged",
    "deviceDeleted",
    "messageConfirm",
    "commandRsp",
]


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def pushed(app: Gateway, receiver: Receiver) -> Callable[[], list[Any]]:
    """Subscribes the app to everything; a call dispatches, delivers and answers the new bodies."""
    for notify_type in PUSHED:
        body = {"notifyType": notify_type, "callbackUrl": receiver.url()}
        assert app.post(SUBSCRIBE, body).status == 201

    def flush() -> list[Any]:
        receiver.posts.clear()
        outbox.dispatch(stream())
        while (event := received("callbacks.fifo"))["Records"]:
            queues.deliver(event)
            delete("callbacks.fifo", event)
        return receiver.bodies

    return flush


def register(app: Gateway, fleet: Fleet) -> str:
    body = {"deviceInfo": {"nodeId": "meter-1", "name": "hall"}, "productId": fleet.product.id}
    return str(app.post(REGISTER, body).json["deviceId"])


def tell(fleet: Fleet, kind: EventType, **data: Any) -> None:
    change = Transaction()
    events.emit(change, kind, "device", fleet.tenant, fleet.application, **data)
    change.commit()


def command(owner: str = "app", status: Status = Status.SENT, **more: Any) -> Command:
    given: dict[str, Any] = {
        "device": "d" * 32,
        "command": "c" * 32,
        "tenant": "tenant",
        "owner": owner,
        "dialect": "huawei",
        "mode": Mode.CACHED,
        "service": "Meter",
        "method": "SET_LEVEL",
        "paras": {"value": 1},
        "status": status,
        "created": AT,
        "retransmit": 3,
        "issued": 1,
    }
    return Command(**(given | more))


def test_registering_pushes_device_added(app: Gateway, fleet: Fleet, pushed: Callable[[], list[Any]]) -> None:
    device = register(app, fleet)
    (push,) = pushed()
    assert list(push) == ["notifyType", "deviceId", "gatewayId", "nodeType", "deviceInfo"]
    assert push["notifyType"] == "deviceAdded"
    assert (push["deviceId"], push["gatewayId"], push["nodeType"]) == (device, device, "ENDPOINT")
    info = push["deviceInfo"]
    assert list(info) == INFO
    assert (info["nodeId"], info["name"], info["manufacturerId"]) == ("meter-1", "hall", "acme")
    assert (info["status"], info["statusDetail"]) == ("INACTIVE", "NOT_ACTIVE")
    assert all(info[name] is None for name in ("description", "mac", "swVersion", "batteryLevel"))


def test_a_node_type_that_is_unknown_is_spelled_unknown(fleet: Fleet) -> None:
    made = registration.register(
        fleet.caller, registration.NewDevice("n", registration.BY_SECRET, product=fleet.product.id)
    )
    data = {"device": msgspec.to_builtins(made.device) | {"node_type": "UNKNOWN"}}
    (told,) = notify.render(Event("e", EventType.DEVICE_ADDED, "d", "t", "o", AT, data))
    assert msgspec.json.decode(told.body)["nodeType"] == "UNKNOWN"


def test_modifying_pushes_device_info_changed(
    app: Gateway, fleet: Fleet, pushed: Callable[[], list[Any]]
) -> None:
    device = register(app, fleet)
    pushed()
    assert app.put(f"{DEVICE}/{device}", {"name": "attic", "mute": "TRUE"}).status == 204
    (push,) = pushed()
    assert list(push) == ["notifyType", "deviceId", "gatewayId", "deviceInfo"]
    assert (push["notifyType"], push["deviceId"]) == ("deviceInfoChanged", device)
    assert list(push["deviceInfo"]) == INFO
    assert (push["deviceInfo"]["name"], push["deviceInfo"]["mute"]) == ("attic", "TRUE")


def test_deleting_pushes_device_deleted(
    app: Gateway, fleet: Fleet, pushed: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = register(app, fleet)
    pushed()
    assert app.delete(f"{DEVICE}/{device}").status == 204
    assert pushed() == [{"notifyType": "deviceDeleted", "deviceId": device, "gatewayId": device}]


def test_a_registration_that_ends_pushes_bind_device_expired(
    app: Gateway, fleet: Fleet, pushed: Callable[[], list[Any]], clock: FakeClock
) -> None:
    body = {"nodeId": "m", "verifyCode": "m", "timeout": 60, "productId": fleet.product.id}
    device = app.post(BY_CODE, body).json["deviceId"]
    pushed()
    clock.advance(61)
    registration.sweep()
    (push,) = pushed()
    assert list(push) == ["notifyType", "deviceId", "resultCode", "deviceInfo"]
    assert (push["notifyType"], push["deviceId"]) == ("bindDevice", device)
    assert push["resultCode"] == "expired"


def test_a_report_is_pushed_by_service_and_as_a_whole(
    app: Gateway, fleet: Fleet, pushed: Callable[[], list[Any]]
) -> None:
    device = registration.register(
        fleet.caller, registration.NewDevice("n", registration.BY_SECRET, product=fleet.product.id)
    ).device
    stream()
    meter = {"service": "Meter", "type": "Meter", "data": {"level": 1.0, "on": True}, "at": AT}
    color = {"service": "Color", "type": "ColorType", "data": {"value": "红"}, "at": AT + 1999}
    tell(fleet, EventType.DATA_REPORTED, device=device, services=[meter, color], request=None)
    told = pushed()
    first = {
        "serviceId": "Meter",
        "serviceType": "Meter",
        "data": {"level": 1.0, "on": True},
        "eventTime": TIME,
    }
    second = {
        "serviceId": "Color",
        "serviceType": "ColorType",
        "data": {"value": "红"},
        "eventTime": "20231114T221321Z",
    }
    common = {"requestId": None, "deviceId": device.device, "gatewayId": device.device}
    assert sorted(told, key=str) == sorted(
        [
            {"notifyType": "deviceDataChanged", **common, "service": first},
            {"notifyType": "deviceDataChanged", **common, "service": second},
            {"notifyType": "deviceDatasChanged", **common, "services": [first, second]},
        ],
        key=str,
    )
    assert isinstance(told[0].get("service", first)["data"]["level"], float)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status.SENT, "sent"),
        (Status.DELIVERED, "delivered"),
        (Status.SUCCESSFUL, "executed"),
        (Status.FAILED, "executed"),
        (Status.PENDING, None),
        (Status.TIMEOUT, None),
        (Status.EXPIRED, None),
        (Status.CANCELED, None),
    ],
)
def test_message_confirm(status: Status, said: str | None) -> None:
    (*told,) = rendered(EventType.COMMAND_CHANGED, command=command("app", status, request_id="r1"))
    if said is None:
        assert told == []
        return
    assert told == [
        {
            "notifyType": "messageConfirm",
            "header": {
                "requestId": "r1",
                "from": f"/devices/{'d' * 32}/services/Meter",
                "to": "app",
                "status": said,
                "timestamp": TIME,
            },
            "body": {},
        }
    ]


def test_command_response_is_pushed(fleet: Fleet, pushed: Callable[[], list[Any]]) -> None:
    asked = command(fleet.application, Status.SUCCESSFUL, sender="/users/7")
    tell(fleet, EventType.COMMAND_ANSWERED, command=asked, body={"result": 0})
    assert pushed() == [
        {
            "notifyType": "commandRsp",
            "header": {
                "requestId": commands.public_id(asked),
                "from": f"/devices/{'d' * 32}/services/Meter",
                "to": "/users/7",
                "deviceId": "d" * 32,
                "serviceType": "Meter",
                "method": "SET_LEVEL",
            },
            "body": {"result": 0},
        }
    ]


def test_a_commands_states_go_to_its_own_url(
    fleet: Fleet, receiver: Receiver, pushed: Callable[[], list[Any]]
) -> None:
    url = receiver.url("/own")
    tell(fleet, EventType.COMMAND_CHANGED, command=command(fleet.application, callback=url))
    done = command(
        fleet.application, Status.SUCCESSFUL, callback=url, result={"code": 0, "body": {"level": 1}}
    )
    tell(fleet, EventType.COMMAND_CHANGED, command=done)
    pushed()
    own = [post.json for post in receiver.posts if post.path == "/own"]
    assert sorted(own, key=str) == [
        {
            "deviceId": "d" * 32,
            "commandId": "d" * 32 + "c" * 32,
            "result": {"resultCode": code, "resultDetail": detail},
        }
        for code, detail in (("SENT", None), ("SUCCESSFUL", {"level": 1}))
    ]


def test_only_huaweis_own_commands_have_huaweis_own_callback() -> None:
    other = command("app", Status.TIMEOUT, callback="http://127.0.0.1:1/", dialect="ctwing")
    assert rendered(EventType.COMMAND_CHANGED, command=other) == []
    waiting = command("app", Status.PENDING, callback="http://127.0.0.1:1/")
    assert rendered(EventType.COMMAND_CHANGED, command=waiting) == []


def test_every_event_is_rendered() -> None:
    assert set(notify.RENDER) >= set(EventType)


def test_nothing_of_one_tenant_reaches_another(app: Gateway, pushed: Callable[[], list[Any]]) -> None:
    stranger = make_fleet("other")
    registration.register(
        stranger.caller, registration.NewDevice("n", registration.BY_SECRET, product=stranger.product.id)
    )
    assert pushed() == []


def test_unsubscribing_counts_at_once(
    app: Gateway, fleet: Fleet, receiver: Receiver, pushed: Callable[[], list[Any]]
) -> None:
    register(app, fleet)
    outbox.dispatch(stream())  # it waits in the queue
    assert app.delete(f"{SUBSCRIBE}?notifyType=deviceAdded").status == 204
    assert pushed() == []
    assert subscriptions.targets(fleet.application, "huawei", "deviceAdded") == []


def test_the_webhooks_are_described_by_the_types_that_are_sent() -> None:
    document = msgspec.json.decode(_openapi())
    hooks = {name.removeprefix("huawei.") for name in document["webhooks"] if name.startswith("huawei.")}
    assert hooks >= {*PUSHED, "commandStatusChanged"}
    confirm = document["components"]["schemas"]["ConfirmHeader"]["properties"]
    assert list(confirm) == ["requestId", "from", "to", "status", "timestamp"]


def rendered(kind: EventType, **data: Any) -> list[Any]:
    event = Event("e", kind, "d", "tenant", "app", AT, msgspec.to_builtins(data))
    return [msgspec.json.decode(told.body) for told in notify.render(event)]


def _openapi() -> bytes:
    from chalicelib.handlers.http import openapi

    return openapi(("huawei",))
