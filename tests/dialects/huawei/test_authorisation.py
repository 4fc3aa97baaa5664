"""Huawei's `appId`: acting on another application's devices, with every operation."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import applications, authority
from chalicelib.handlers import outbox, queues
from chalicelib.store.applications import AuthorizationRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.receiver import Receiver, receiving
from tests.support.triggers import delete, received, stream

from .conftest import log_in

REG = "/iocm/app/reg"
DM = "/iocm/app/dm/v1.4.0/devices"
CMD = "/iocm/app/cmd/v1.4.0"
SUB = "/iocm/app/sub/v1.2.0/subscriptions"
MANAGEMENT = "/iodm/app/sub/v1.1.0/subscribe"
LEVEL = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
DIRECT = {"header": {"method": "SET_LEVEL", "mode": "ACK"}, "body": {"value": 7}}

# verb, path, body, what the owner itself would get: status and error code
TRANSCRIPT: list[tuple[str, str, Any, int, str]] = [
    ("POST", f"{REG}/v1.1.0/deviceCredentials", {"nodeId": "n", "productId": "{product}"}, 200, ""),
    (
        "POST",
        f"{REG}/v2.0.0/deviceCredentials",
        {"deviceInfo": {"nodeId": "n"}, "productId": "{product}"},
        200,
        "",
    ),
    ("PUT", f"{REG}/v1.1.0/deviceCredentials/{{device}}", {}, 400, "100610"),
    ("GET", f"{REG}/v1.1.0/deviceCredentials/{{device}}", None, 200, ""),
    ("PUT", f"{DM}/{{device}}", {"name": "hall"}, 204, ""),
    ("GET", f"{DM}/{{device}}", None, 200, ""),
    ("GET", f"{DM}?pageNo=0", None, 200, ""),
    ("GET", "/iocm/app/data/v1.2.0/deviceDataHistory?deviceId={device}", None, 200, ""),
    ("GET", "/iocm/app/data/v1.1.0/deviceCapabilities?deviceId={device}", None, 200, ""),
    ("POST", f"{CMD}/deviceCommands", {"deviceId": "{device}", "command": LEVEL}, 201, ""),
    ("GET", f"{CMD}/deviceCommands?deviceId={{device}}", None, 200, ""),
    ("PUT", f"{CMD}/deviceCommands/x", {"status": "CANCELED"}, 200, "100434"),
    ("POST", f"{CMD}/deviceCommandCancelTasks", {"deviceId": "{device}"}, 201, ""),
    ("GET", f"{CMD}/deviceCommandCancelTasks", None, 200, ""),
    (
        "POST",
        "/iocm/app/signaltrans/v1.1.0/devices/{device}/services/Meter/sendCommand",
        DIRECT,
        200,
        "100428",
    ),
    ("POST", SUB, {"notifyType": "deviceAdded", "callbackUrl": "https://h.example:443/"}, 201, ""),
    (
        "POST",
        MANAGEMENT,
        {"notifyType": "swUpgradeResultNotify", "callbackUrl": "https://h.example:443/"},
        200,
        "",
    ),
    ("GET", SUB, None, 200, ""),
    ("GET", f"{SUB}/x", None, 404, "100225"),
    ("DELETE", f"{SUB}/x", None, 404, "100225"),
    ("DELETE", SUB, None, 404, "100225"),
    ("DELETE", f"{DM}/{{device}}", None, 204, ""),
]


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every name is a public host; loopback is allowed."""
    addresses.use(lambda host, _port: ["127.0.0.1"] if host == "127.0.0.1" else ["93.184.215.14"])
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    yield
    addresses.use(None)


@pytest.fixture
def helper(fleet: Fleet) -> Fleet:
    """The application that acts for the fleet's: of another tenant, the harder case."""
    return make_fleet("other")


@pytest.fixture
def helping(helper: Fleet) -> Gateway:
    return log_in(helper)


@pytest.fixture
def device(app: Gateway, fleet: Fleet) -> str:
    body = {"deviceInfo": {"nodeId": "meter-1"}, "productId": fleet.product.id}
    return str(app.post(f"{REG}/v2.0.0/deviceCredentials", body).json["deviceId"])


def grant(fleet: Fleet, helper: Fleet) -> None:
    authority.grant(fleet.application, helper.application, across=True)


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, (reply.json.get("error_code", "") if reply.body else "")


def filled(part: Any, values: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: filled(each, values) for name, each in part.items()}
    if isinstance(part, str):
        for name, value in values.items():
            part = part.replace(f"{{{name}}}", value)
    return part


@pytest.fixture
def colleague(fleet: Fleet) -> Fleet:
    """An application of the same tenant."""
    made, secret = applications.create_application(fleet.tenant, "colleague")
    return Fleet(fleet.tenant, made.id, secret, fleet.product)


@pytest.mark.parametrize("who", ["helper", "colleague"])
@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "code"), TRANSCRIPT, ids=[f"{row[0]} {row[1]}" for row in TRANSCRIPT]
)
def test_refused_before_the_grant_done_after_it_refused_after_the_revoke(
    request: pytest.FixtureRequest,
    who: str,
    fleet: Fleet,
    device: str,
    clock: FakeClock,
    verb: str,
    path: str,
    body: Any,
    status: int,
    code: str,
) -> None:
    values = {"device": device, "product": fleet.product.id}
    url = filled(path, values)
    url += ("&" if "?" in url else "?") + f"appId={fleet.application}"
    helper = request.getfixturevalue(who)
    helping = log_in(helper)
    # another tenant's application is as one that does not exist; 1.7.2 documents no 100217
    unseen = who == "helper" or path == MANAGEMENT
    forbidden = (403, "100203" if unseen else "100217")
    assert error(helping.call(verb, url, filled(body, values))) == forbidden
    grant(fleet, helper)
    assert error(helping.call(verb, url, filled(body, values))) == (status, code)
    AuthorizationRecord(fleet.application, helper.application).delete()  # by another process
    clock.advance(59)
    assert error(helping.call(verb, url, filled(body, values))) == forbidden


def test_the_answers_are_the_owners(helping: Gateway, helper: Fleet, fleet: Fleet, device: str) -> None:
    grant(fleet, helper)
    query = f"appId={fleet.application}"
    listed = helping.get(f"{DM}?pageNo=0&{query}").json
    assert [each["deviceId"] for each in listed["devices"]] == [device]
    made = helping.post(f"{CMD}/deviceCommands?{query}", {"deviceId": device, "command": LEVEL})
    assert made.json["appId"] == fleet.application


def test_a_device_registered_for_the_owner_is_the_owners(
    app: Gateway, helping: Gateway, helper: Fleet, fleet: Fleet
) -> None:
    grant(fleet, helper)
    body = {"deviceInfo": {"nodeId": "n"}, "productId": fleet.product.id}
    made = helping.post(f"{REG}/v2.0.0/deviceCredentials?appId={fleet.application}", body).json["deviceId"]
    assert app.get(f"{DM}/{made}").status == 200
    assert helping.get(f"{DM}/{made}").status == 404  # without appId it speaks for itself


def test_within_a_tenant_it_is_the_same(app: Gateway, fleet: Fleet, colleague: Fleet, device: str) -> None:
    helping, url = log_in(colleague), f"{DM}/{device}?appId={fleet.application}"
    assert error(helping.get(url)) == (403, "100217")
    authority.grant(fleet.application, colleague.application)
    assert helping.get(url).json == app.get(f"{DM}/{device}").json
    authority.revoke(fleet.application, colleague.application)
    assert error(helping.get(url)) == (403, "100217")


def test_an_unknown_application_is_documented(helping: Gateway) -> None:
    assert error(helping.get(f"{DM}?pageNo=0&appId={'f' * 32}")) == (403, "100203")
    assert error(helping.get(f"{DM}?pageNo=0&appId=nobody")) == (403, "100203")


def test_the_owners_rate_is_not_used_up(app: Gateway, helping: Gateway, helper: Fleet, fleet: Fleet) -> None:
    grant(fleet, helper)
    applications.set_rate(helper.application, 15)
    replies = [error(helping.get(f"{SUB}?appId={fleet.application}")) for _ in range(20)]
    assert (403, "1010009") in replies
    assert app.get(SUB).status == 200


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def flush(receiver: Receiver) -> Callable[[], list[str]]:
    """Dispatches and delivers what has happened; answers the paths that were called."""

    def run() -> list[str]:
        receiver.posts.clear()
        outbox.dispatch(stream())
        while (event := received("callbacks.fifo"))["Records"]:
            queues.deliver(event)
            delete("callbacks.fifo", event)
        return sorted(post.path for post in receiver.posts)

    return run


def test_whose_callback_url_it_is_decides_what_a_revoke_leaves(
    app: Gateway,
    helping: Gateway,
    helper: Fleet,
    fleet: Fleet,
    device: str,
    receiver: Receiver,
    flush: Callable[[], list[str]],
) -> None:
    """`ownerFlag` true or absent: the caller's URL; false: the owner's."""
    grant(fleet, helper)
    for flag, path in (("", "/absent"), ("?ownerFlag=true", "/caller"), ("?ownerFlag=false", "/owner")):
        body = {
            "notifyType": "deviceInfoChanged",
            "callbackUrl": receiver.url(path),
            "appId": fleet.application,
        }
        assert helping.post(SUB + flag, body).status == 201
    assert app.get(SUB).json["totalCount"] == 3  # all are subscriptions of the owner
    flush()
    app.put(f"{DM}/{device}", {"name": "one"})
    assert flush() == ["/absent", "/caller", "/owner"]
    app.put(f"{DM}/{device}", {"name": "two"})
    outbox.dispatch(stream())  # queued, not sent
    authority.revoke(fleet.application, helper.application)
    assert flush() == ["/owner"]
    grant(fleet, helper)
    app.put(f"{DM}/{device}", {"name": "three"})
    assert flush() == ["/absent", "/caller", "/owner"]
