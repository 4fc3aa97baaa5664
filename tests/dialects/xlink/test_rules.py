"""XLink 16 to 19: forwarding rules over the wire, and what they send, from the device to the POST."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import ageing, clock, registration, rules, telemetry
from chalicelib.core.devices import Device
from chalicelib.core.registration import NewDevice, Registered
from chalicelib.core.telemetry import Report, Reported
from chalicelib.handlers import outbox, queues
from chalicelib.store.subscriptions import RuleRecord
from tests.conftest import Calls
from tests.dialects.xlink.test_products import ABSENT, code, cost, make
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue
from tests.support.receiver import Receiver, receiving
from tests.support.triggers import delete, received, stream
from tests.support.xlink import key_caller

TOKEN = "s3cret-Token"
TIME = "2023-11-14T22:13:20.000Z"


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def path(fleet: Fleet) -> str:
    return f"/v2/product/{fleet.product.id}/dds"


@pytest.fixture
def meter(fleet: Fleet) -> Registered:
    new = NewDevice("meter-1", registration.BY_SECRET, product=fleet.product.id)
    made = registration.register(fleet.caller, new)
    stream()
    return made


def external(url: str = "http://127.0.0.1:8080/hook", *kinds: Any, token: str = TOKEN) -> dict[str, Any]:
    return {"data_type": list(kinds or ("1",)), "destination": {"type": 1, "url": url, "token": token}}


def internal(*kinds: Any) -> dict[str, Any]:
    return {"data_type": list(kinds), "destination": {"type": "2"}}


def add(app: Gateway, path: str, body: dict[str, Any]) -> str:
    reply = app.post(path, body)
    assert reply.status == 200, reply.body
    return str(reply.json["id"])


def deliver() -> None:
    """All that waits for its first attempt."""
    outbox.dispatch(stream())
    attempt()


def attempt(queue: str = "callbacks.fifo") -> None:
    while (event := received(queue))["Records"]:
        queues.deliver(event)
        delete(queue, event)


def forwarded() -> list[Any]:
    found = []
    while (event := received("forwarded.fifo"))["Records"]:
        found += [json.loads(record["body"]) for record in event["Records"]]
        delete("forwarded.fifo", event)
    return found


def report(device: Device, at: int | None = None, *said: Reported, message: str = "m1") -> None:
    services = said or (Reported("Meter", {"level": 5}, at),)
    telemetry.report(Report(device.device, device.device, services, message, clock.now(), "json"))


# over the wire


def test_a_new_rule(app: Gateway, path: str) -> None:
    body = external("http://127.0.0.1:8080/hook", "5", 1, "4")
    reply = app.post(path, body)
    assert reply.status == 200
    made = reply.json
    assert list(made) == ["id", "data_type", "destination"]
    assert made == {
        "id": made["id"],
        "data_type": ["1", "4", "5"],
        "destination": {"type": 1, "url": "http://127.0.0.1:8080/hook", "token": TOKEN},
    }
    assert app.get(f"{path}_list").json == {"count": 1, "list": [made]}


def test_an_internal_rule_needs_no_url(app: Gateway, path: str) -> None:
    made = app.post(path, internal("6", "7")).json
    assert made["data_type"] == ["6", "7"]
    assert made["destination"] == {"type": 2, "url": "", "token": ""}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"destination": {"type": 2}}, 4001002),
        ({"data_type": [], "destination": {"type": 2}}, 4001002),
        ({"data_type": ["8"], "destination": {"type": 2}}, 4001001),
        ({"data_type": [0], "destination": {"type": 2}}, 4001001),
        ({"data_type": "1", "destination": {"type": 2}}, 4001001),
        ({"data_type": [1]}, 4001002),
        ({"data_type": [1], "destination": {}}, 4001002),
        ({"data_type": [1], "destination": {"type": 3}}, 4001001),
        ({"data_type": [1], "destination": {"type": 1, "token": "t"}}, 4001002),
        (external("ftp://127.0.0.1/x"), 4001001),
        (external("http://10.0.0.1/x"), 4001001),
        (external("http://169.254.169.254/latest"), 4001001),
        (external("nonsense"), 4001001),
        (external("http://user:word@127.0.0.1/x"), 4001001),
        (external(token="two\r\nlines"), 4001001),
        (external(token="t" * 251), 4001001),
    ],
)
def test_bad_rules(app: Gateway, path: str, body: Any, expected: int) -> None:
    assert code(app.post(path, body)) == (400, expected)
    rule = add(app, path, internal(1))
    before = app.get(f"{path}_list").json
    assert code(app.put(f"{path}/{rule}", body)) == (400, expected)
    assert app.get(f"{path}_list").json == before


def test_a_refused_url_does_not_tell_why_its_host_may_not_be_called(app: Gateway, path: str) -> None:
    inside = app.post(path, external("http://10.0.0.1/x")).json["error"]["msg"]
    unknown = app.post(path, external("http://no-such-host.invalid/x")).json["error"]["msg"]
    assert inside == unknown
    assert "callbackUrl" not in inside


def test_changing(app: Gateway, path: str) -> None:
    rule = add(app, path, external())
    body = external("http://127.0.0.1:8081/other", 2, "3", token="")
    reply = app.put(f"{path}/{rule}", body)
    assert reply.status == 200
    assert reply.json == {
        "id": rule,
        "data_type": ["2", "3"],
        "destination": {"type": 1, "url": "http://127.0.0.1:8081/other", "token": ""},
    }
    assert app.get(f"{path}_list").json == {"count": 1, "list": [reply.json]}


def test_deleting(app: Gateway, path: str) -> None:
    rule, kept = add(app, path, external()), add(app, path, internal(1))
    reply = app.delete(f"{path}/{rule}")
    assert (reply.status, reply.body) == (200, "")
    assert [each["id"] for each in app.get(f"{path}_list").json["list"]] == [kept]
    assert code(app.delete(f"{path}/{rule}")) == (404, 4041021)
    assert code(app.put(f"{path}/{rule}", internal(1))) == (404, 4041021)
    assert app.get(f"{path}_list").json["count"] == 1


def test_a_rule_of_another_product_or_application_is_absent(app: Gateway, path: str, fleet: Fleet) -> None:
    from chalicelib.core import applications

    rule = add(app, path, internal(1))
    elsewhere = f"/v2/product/{make(app)}/dds"
    other, secret = applications.create_application(fleet.tenant, "other")
    neighbour = key_caller(Fleet(fleet.tenant, other.id, secret, fleet.product))
    for gateway, at in ((app, elsewhere), (neighbour, path)):
        assert gateway.get(f"{at}_list").json == {"count": 0, "list": []}
        for ident in (rule, ABSENT):
            assert code(gateway.put(f"{at}/{ident}", internal(2))) == (404, 4041021)
            assert code(gateway.delete(f"{at}/{ident}")) == (404, 4041021)
    assert app.get(f"{path}_list").json["list"][0]["data_type"] == ["1"]


def test_an_application_has_so_many(app: Gateway, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST", 2)
    made = [add(app, path, internal(1)) for _ in range(2)]
    assert code(app.post(path, internal(1))) == (400, 4001001)
    assert app.delete(f"{path}/{made[0]}").status == 200
    add(app, path, internal(1))


def test_the_token_is_stored_encrypted(app: Gateway, path: str) -> None:
    add(app, path, external())
    assert TOKEN not in str([each.values() for each in RuleRecord.scan()])


def test_what_rules_cost(app: Gateway, path: str, calls: Calls) -> None:
    assert app.get(f"{path}_list").status == 200  # the product is known now
    assert cost(calls, app, "POST", path, external()) == ["TransactWriteItems"]
    rule = app.get(f"{path}_list").json["list"][0]["id"]
    assert cost(calls, app, "GET", f"{path}_list") == ["Query"]
    assert cost(calls, app, "PUT", f"{path}/{rule}", internal(1)) == ["UpdateItem"]
    assert cost(calls, app, "DELETE", f"{path}/{rule}") == ["TransactWriteItems"]


# what is sent


@pytest.fixture
def client(meter: Registered) -> Mqtt:
    FakeIot().install()
    return Mqtt(meter.device.device, meter.secret)


def names(device: Device) -> dict[str, Any]:
    return {"product_id": device.product, "device_id": device.number, "mac": device.mac_key}


def test_online_activated_and_offline(
    app: Gateway, path: str, meter: Registered, client: Mqtt, receiver: Receiver, clock: FakeClock
) -> None:
    add(app, path, external(receiver.url(), 1, 2, 3))
    work = WorkQueue(clock)
    client.connect()
    deliver()
    own = names(meter.device)
    assert sorted(receiver.bodies, key=lambda each: each["type"]) == [
        {"type": 1, **own, "time": TIME},
        {"type": 3, **own, "time": TIME},
    ]
    assert isinstance(receiver.bodies[0]["device_id"], int)
    receiver.posts.clear()
    clock.advance(60)
    client.disconnect()
    work.waiting()
    clock.advance(60)
    work.run()
    deliver()
    (gone,) = receiver.bodies
    assert (gone["type"], gone["device_id"]) == (2, meter.device.number)
    receiver.posts.clear()
    client.connect()
    deliver()
    assert [each["type"] for each in receiver.bodies] == [1]  # it is activated once


def test_other_changes_of_an_online_device_are_not_its_coming(
    app: Gateway, path: str, fleet: Fleet, meter: Registered, client: Mqtt, receiver: Receiver
) -> None:
    from chalicelib.core import modification

    client.connect()
    stream()
    add(app, path, external(receiver.url(), 1, 2, 3))
    modification.modify(fleet.caller, meter.device.device, modification.Changes(name="hall"))
    deliver()
    assert receiver.bodies == []


def test_a_device_that_falls_silent_has_gone_as_queries_say_it(
    app: Gateway, path: str, meter: Registered, client: Mqtt, receiver: Receiver, clock: FakeClock
) -> None:
    client.connect()
    stream()
    add(app, path, external(receiver.url(), 2))
    clock.advance(25 * 3600)
    ageing.look([meter.device.device])
    deliver()
    clock.advance(24 * 3600)
    ageing.look([meter.device.device])
    deliver()
    assert [each["type"] for each in receiver.bodies] == [2]


def test_data_points(app: Gateway, path: str, meter: Registered, receiver: Receiver) -> None:
    add(app, path, external(receiver.url(), 5))
    at = clock.now() - 1500
    report(meter.device, at, Reported("Meter", {"level": 5, "flow": 1.0}, at))
    deliver()
    assert receiver.bodies == [
        {
            "type": 5,
            **names(meter.device),
            "time": "2023-11-14T22:13:18.500Z",
            "datapoints": [
                {"name": "level", "value": 5, "index": 0},
                {"name": "flow", "value": 1.0, "index": 1},
            ],
        }
    ]
    assert '"value":1.0' in receiver.posts[0].body.decode()


def test_points_of_one_time_come_together(
    app: Gateway, path: str, meter: Registered, receiver: Receiver
) -> None:
    add(app, path, external(receiver.url(), 5))
    at = clock.now()
    said = (
        Reported("Meter", {"level": 1}, at),
        Reported("Meter", {"level": 2}, at - 1000),
        Reported("Meter", {"flow": 3}, at),
    )
    report(meter.device, at, *said)
    deliver()
    told = {
        each["time"]: [(point["name"], point["value"]) for point in each["datapoints"]]
        for each in receiver.bodies
    }
    assert told == {TIME: [("level", 1), ("flow", 3)], "2023-11-14T22:13:19.000Z": [("level", 2)]}


def test_what_no_model_describes_has_no_index(app: Gateway, fleet: Fleet, receiver: Receiver) -> None:
    product = make(app)
    add(app, f"/v2/product/{product}/dds", external(receiver.url(), 5))
    made = registration.register(fleet.caller, NewDevice("x", registration.BY_SECRET, product=product))
    report(made.device, None, Reported("Any", {"a": {"b": 1}}))
    deliver()
    assert receiver.bodies[0]["datapoints"] == [{"name": "Any.a", "value": {"b": 1}}]


def test_pass_through(app: Gateway, path: str, client: Mqtt, meter: Registered, receiver: Receiver) -> None:
    client.connect()
    stream()
    add(app, path, external(receiver.url(), 4, 5))
    client.publish(b"\x00\xffraw", codec="binary")
    deliver()
    (push,) = receiver.bodies
    assert (push["type"], base64.b64decode(push["data"])) == (4, b"\x00\xffraw")
    assert set(push) == {"type", "product_id", "device_id", "mac", "time", "data"}


def test_a_device_reports_the_points_of_a_product_that_was_made_here(
    app: Gateway, fleet: Fleet, receiver: Receiver
) -> None:
    """By MQTT, to the service without a name; what no data point allows is dropped."""
    FakeIot().install()
    product = make(app)
    point = {"name": "level", "type": 2, "index": 7, "description": "", "symbol": ""}
    assert app.post(f"/v2/product/{product}/datapoint", point).status == 200
    add(app, f"/v2/product/{product}/dds", external(receiver.url(), 5))
    made = registration.register(fleet.caller, NewDevice("lamp", registration.BY_SECRET, product=product))
    client = Mqtt(made.device.device, made.secret)
    client.connect()
    client.report("", {"level": 255})
    client.report("", {"level": 256})
    client.report("Other", {"level": 1})
    deliver()
    assert [each["datapoints"] for each in receiver.bodies] == [[{"name": "level", "value": 255, "index": 7}]]


def test_rules_and_subscriptions_of_one_batch_are_told_apart(
    app: Gateway, path: str, fleet: Fleet, meter: Registered, receiver: Receiver
) -> None:
    from chalicelib.core import subscriptions

    subscriptions.create(fleet.caller, "huawei", "deviceDatasChanged", receiver.url("/huawei"))
    gone = subscriptions.create(fleet.caller, "huawei", "deviceDatasChanged", receiver.url("/gone"))
    add(app, path, external(receiver.url("/xlink"), 5))
    report(meter.device)
    outbox.dispatch(stream())
    subscriptions.delete(fleet.caller, "huawei", gone.id)
    event = received("callbacks.fifo")
    assert len(event["Records"]) == 3
    queues.deliver(event)
    assert sorted(post.path for post in receiver.posts) == ["/huawei", "/xlink"]
    assert ["x-polything-token" in post.headers for post in receiver.posts].count(True) == 1


def test_the_token_goes_with_the_delivery_and_nowhere_else(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add(app, path, external(receiver.url(), 5))
    report(meter.device)
    outbox.dispatch(stream())
    event = received("callbacks.fifo")
    assert TOKEN not in str(event)
    queues.deliver(event)
    (post,) = receiver.posts
    assert post.headers["x-polything-token"] == TOKEN
    assert TOKEN not in post.body.decode()
    assert TOKEN not in caplog.text + str([vars(record) for record in caplog.records])


def test_without_a_token_there_is_no_header(
    app: Gateway, path: str, meter: Registered, receiver: Receiver
) -> None:
    add(app, path, external(receiver.url(), 5, token=""))
    report(meter.device)
    deliver()
    assert "x-polything-token" not in receiver.posts[0].headers


def test_only_the_owners_devices_of_the_product_are_forwarded(
    app: Gateway, path: str, fleet: Fleet, meter: Registered, receiver: Receiver
) -> None:
    from chalicelib.core import applications
    from chalicelib.core.applications import Caller

    add(app, f"/v2/product/{make(app)}/dds", external(receiver.url("/elsewhere"), 5))
    other, _ = applications.create_application(fleet.tenant, "other")
    theirs = registration.register(
        Caller(fleet.tenant, other.id, other.id),
        NewDevice("theirs", registration.BY_SECRET, product=fleet.product.id),
    )
    add(app, path, external(receiver.url(), 5))
    report(theirs.device, message="theirs")
    report(meter.device, message="mine")
    deliver()
    assert [(post.path, post.json["device_id"]) for post in receiver.posts] == [
        ("/hook", meter.device.number)
    ]


def test_each_rule_that_wants_it_gets_it(
    app: Gateway, path: str, meter: Registered, receiver: Receiver
) -> None:
    for at, kinds in (("/a", (5,)), ("/b", (2, 5)), ("/c", (2, 4))):
        add(app, path, external(receiver.url(at), *kinds))
    report(meter.device)
    deliver()
    assert sorted(post.path for post in receiver.posts) == ["/a", "/b"]


def test_the_operators_queue(app: Gateway, path: str, meter: Registered, receiver: Receiver) -> None:
    rule = add(app, path, internal(5))
    add(app, path, external(receiver.url(), 5))
    report(meter.device)
    batch = stream()
    outbox.dispatch(batch)
    outbox.dispatch(batch)  # the stream repeats
    attempt()
    (push,) = forwarded()
    (post,) = receiver.posts
    assert push == {"rule_id": rule, "event_id": post.headers["x-polything-event-id"], **post.json}


def test_what_is_forwarded_to_the_queue_keeps_its_order_by_device(
    app: Gateway, path: str, meter: Registered
) -> None:
    add(app, path, internal(5))
    for level in range(12):
        report(meter.device, None, Reported("Meter", {"level": level}), message=f"m{level}")
        outbox.dispatch(stream())
    assert [each["datapoints"][0]["value"] for each in forwarded()] == list(range(12))


def test_a_new_url_and_token_count_at_once_also_for_what_waits(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, calls: Calls
) -> None:
    rule = add(app, path, external("http://127.0.0.1:9/old", 5))
    report(meter.device)
    outbox.dispatch(stream())
    assert app.put(f"{path}/{rule}", external(receiver.url("/new"), 5, token="other")).status == 200
    calls.clear()
    attempt()
    assert [(post.path, post.headers["x-polything-token"]) for post in receiver.posts] == [("/new", "other")]
    assert calls.made.count("dynamodb.BatchGetItem") == 2  # the second, for the health of the new target


@pytest.mark.parametrize("change", ["deleted", "other types", "internal"])
def test_what_waits_for_a_rule_that_wants_it_no_more_is_dropped(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, change: str
) -> None:
    rule = add(app, path, external(receiver.url(), 5))
    report(meter.device)
    outbox.dispatch(stream())
    if change == "deleted":
        app.delete(f"{path}/{rule}")
    else:
        app.put(f"{path}/{rule}", internal(5) if change == "internal" else external(receiver.url(), 1))
    attempt()
    assert receiver.posts == []
    assert received("callback-retries")["Records"] == received("callback-dlq")["Records"] == []


def test_a_change_elsewhere_counts_within_a_minute(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, clock: FakeClock
) -> None:
    """Dispatch has read the owner's rules; another process adds one."""
    report(meter.device, message="before")
    deliver()
    known = dict(rules._loaded)
    add(app, path, external(receiver.url(), 5))
    rules._loaded.update(known)
    report(meter.device, message="soon")
    deliver()
    assert receiver.posts == []
    clock.advance(59)
    report(meter.device, message="later")
    deliver()
    assert len(receiver.posts) == 1


def test_a_failed_delivery_comes_again(
    app: Gateway, path: str, meter: Registered, receiver: Receiver
) -> None:
    receiver.statuses[:] = [500]
    add(app, path, external(receiver.url(), 5))
    report(meter.device)
    deliver()
    (again,) = _waiting("callback-retries")
    assert (again["tries"], again["url"]) == (1, receiver.url())
    assert "token" not in again


def _waiting(queue: str) -> list[Any]:
    from moto.sqs.models import sqs_backends

    held = sqs_backends["123456789012"]["us-east-1"].queues[f"polything-test-{queue}"]
    return [json.loads(message.body) for message in held._messages]


def test_a_url_without_a_port_goes_to_the_usual_one(
    app: Gateway, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = app.post(path, external("https://127.0.0.1/hook?a=1", 5)).json
    assert made["destination"]["url"] == "https://127.0.0.1/hook?a=1"
    for given, whole in (
        ("http://h/p", "http://h:80/p"),
        ("https://h", "https://h:443"),
        ("http://h:/p", "http://h:80/p"),
        ("HTTP://h/p", "HTTP://h:80/p"),
        ("http://[::1]/p", "http://[::1]:80/p"),
        ("http://h:8080/http://h/", "http://h:8080/http://h/"),
        ("ftp://h/p", "ftp://h/p"),
        ("nonsense", "nonsense"),
        ("http://h:x/p", "http://h:x/p"),
    ):
        assert addresses.with_port(given) == whole


def test_what_forwarding_costs(
    app: Gateway, path: str, fleet: Fleet, meter: Registered, receiver: Receiver, calls: Calls
) -> None:
    """One query in three quarters of a minute, rules or not; none for each event."""

    def dispatched(message: str) -> list[str]:
        report(meter.device, message=message)
        batch = stream()
        calls.clear()
        outbox.dispatch(batch)
        return [each.partition(".")[2] for each in calls.made]

    dispatched("its first contact")
    rules.forget()
    cold, warm = dispatched("a"), dispatched("b")
    assert cold.count("Query") == warm.count("Query") + 1
    add(app, path, external(receiver.url(), 5))
    cold = dispatched("c")
    assert cold.count("Query") == warm.count("Query") + 1
    assert cold.count("SendMessageBatch") == warm.count("SendMessageBatch") + 1
    assert "GetItem" not in dispatched("d")


def test_a_model_that_cannot_be_read_lets_the_stream_come_again(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    from chalicelib.core import products

    add(app, path, external(receiver.url(), 5))
    report(meter.device)
    batch = stream()

    def fail(_product: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    with monkeypatch.context() as broken:
        broken.setattr(products, "load", fail)
        with pytest.raises(EndpointConnectionError):
            outbox.dispatch(batch)
    outbox.dispatch(batch)
    attempt()
    assert len(receiver.posts) == 1


def test_a_dialect_that_fails_keeps_no_other_from_telling(
    app: Gateway, path: str, meter: Registered, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(app, path, external(receiver.url(), 5))
    report(meter.device)
    real: Callable[[str], Any] = outbox.renderer

    def renderer(dialect: str) -> Any:
        def broken(_event: Any) -> Any:
            raise ValueError("a defect")

        return broken if dialect == "huawei" else real(dialect)

    monkeypatch.setattr(outbox, "renderer", renderer)
    deliver()
    assert [each["type"] for each in receiver.bodies] == [5]
