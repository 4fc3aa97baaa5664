"""From an event to an app's URL: dispatch, delivery, retries, the breaker."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec
import pytest

from chalicelib.aws import addresses, queues
from chalicelib.core import callbacks, deliveries, events, fanout, removal, subscriptions, targets
from chalicelib.core.applications import Caller
from chalicelib.core.callbacks import Delivery, Notification
from chalicelib.core.errors import CallbackRefused
from chalicelib.core.events import EventType
from chalicelib.core.subscriptions import Subscription
from chalicelib.handlers import outbox
from chalicelib.handlers import queues as handler
from chalicelib.store import reading
from chalicelib.store.base import Record
from chalicelib.store.subscriptions import TargetRecord
from chalicelib.store.transactions import Transaction
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.receiver import Posted, Receiver, receiving, refusing
from tests.support.triggers import delete, received, stream, waiting

ME = Caller("tenant", "app", "app")
STRANGER = Caller("other", "stranger", "stranger")


@pytest.fixture(autouse=True)
def _small_world(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loopback is allowed, and a dialect renders an event as one notification of its type."""
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    monkeypatch.setattr(outbox, "DIALECTS", ("huawei",))
    monkeypatch.setattr(outbox, "renderer", lambda _dialect: render)
    yield
    addresses.use(None)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, dict[str, Any]]]:
    """What is put on queues: queue, delay, body."""
    put: list[tuple[str, int, dict[str, Any]]] = []
    send = queues.send

    def keep(name: str, messages: Any) -> None:
        put.extend((name, message.delay, json.loads(message.body)) for message in messages)
        send(name, messages)

    monkeypatch.setattr(queues, "send", keep)
    return put


def render(event: events.Event) -> list[Notification]:
    if event.data.get("broken"):
        raise KeyError("field")
    kind = event.data.get("notify_type", event.type.value)
    return [Notification(kind, msgspec.json.encode(event.data), event.data.get("url"))]


def tell(caller: Caller = ME, source: str = "device", **data: Any) -> str:
    change = Transaction()
    ident = events.emit(change, EventType.DEVICE_ADDED, source, caller.tenant, caller.owner, **data)
    change.commit()
    return ident


def subscribe(url: str, caller: Caller = ME, notify_type: str = "device.added") -> Subscription:
    return subscriptions.create(caller, "huawei", notify_type, url)


def delivery(found: Subscription, number: int = 0, **more: Any) -> Delivery:
    given: dict[str, Any] = {
        "id": f"event-{number}",
        "owner": found.owner,
        "source": "device",
        "dialect": "huawei",
        "notify_type": found.notify_type,
        "url": found.url,
        "queued": 1_700_000_000_000,
        "body": msgspec.Raw(json.dumps({"number": number}).encode()),
        "subscription": found.id,
    }
    return Delivery(**(given | more))


def deliver(*batch: Delivery) -> None:
    """One batch, as the event source hands it over."""
    handler.deliver({"Records": [record(number, one) for number, one in enumerate(batch)]})


def record(number: int, one: Delivery) -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": msgspec.json.encode(one).decode(),
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:polything-test-callbacks.fifo",
    }


def run(name: str = callbacks.FIRST) -> int:
    """Deliver what is visible in a queue; answers how many."""
    event = received(name)
    if event["Records"]:
        handler.deliver(event)
        delete(name, event)
    return len(event["Records"])


# the way through


def test_an_event_reaches_the_url(receiver: Receiver) -> None:
    subscribe(receiver.url("/hook?key=1"))
    event = tell(number=1.0)
    outbox.dispatch(stream())
    assert run() == 1
    (posted,) = receiver.posts
    assert posted.path == "/hook?key=1"
    assert posted.body == b'{"number":1.0}'
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["x-polything-event-id"] == f"{event}-huawei-0"
    assert posted.headers["x-polything-attempt"] == "1"
    assert waiting(callbacks.FIRST) == (0, 0, 0)


def test_pushes_of_one_device_leave_in_order(receiver: Receiver, clock: FakeClock) -> None:
    subscribe(receiver.url())
    for number in range(8):
        clock.advance(0.001)
        tell(number=number)
    outbox.dispatch(stream())
    while run():
        pass
    assert [body["number"] for body in receiver.bodies] == list(range(8))


def test_a_url_that_came_with_a_command_needs_no_subscription(receiver: Receiver) -> None:
    tell(url=receiver.url("/own"))
    outbox.dispatch(stream())
    assert run() == 1
    assert [posted.path for posted in receiver.posts] == ["/own"]


# dispatch


def test_only_the_owner_and_the_type_are_told(receiver: Receiver) -> None:
    subscribe(receiver.url("/mine"))
    subscribe(receiver.url("/strangers"), STRANGER)
    subscribe(receiver.url("/other-type"), notify_type="device.deleted")
    tell()
    outbox.dispatch(stream())
    run()
    assert [posted.path for posted in receiver.posts] == ["/mine"]


def test_dispatch_costs_a_query_a_pair_and_a_call_for_ten(receiver: Receiver, calls: Calls) -> None:
    subscribe(receiver.url())
    for number in range(10):
        tell(source=f"device-{number}")
    batch = stream()
    tell(STRANGER)  # nobody to tell
    batch["Records"] += stream()["Records"]
    calls.clear()
    outbox.dispatch(batch)
    assert calls.made == ["dynamodb.Query", "dynamodb.Query", "sqs.SendMessageBatch"]


def test_changes_that_are_no_new_events_are_ignored(receiver: Receiver, calls: Calls) -> None:
    subscribe(receiver.url())
    tell()
    batch = stream()
    batch["Records"].append({"eventName": "REMOVE", "dynamodb": {"Keys": {}}})
    batch["Records"][0]["eventName"] = "MODIFY"
    calls.clear()
    outbox.dispatch(batch)
    assert calls.made == []


def test_the_same_batch_twice_is_delivered_once(receiver: Receiver) -> None:
    subscribe(receiver.url())
    tell()
    tell(url=receiver.url("/own"))
    batch = stream()
    outbox.dispatch(batch)
    outbox.dispatch(batch)
    while run():
        pass
    assert len(receiver.posts) == 2


def test_notifications_of_one_event_are_all_told(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    two = [Notification("device.added", b"1"), Notification("device.added", b"2")]
    monkeypatch.setattr(outbox, "renderer", lambda _dialect: lambda _event: two)
    subscribe(receiver.url())
    tell()
    outbox.dispatch(stream())
    run()
    run()
    assert receiver.bodies == [1, 2]
    assert len({posted.headers["x-polything-event-id"] for posted in receiver.posts}) == 2


def test_a_deletion_counts_for_the_next_batch(receiver: Receiver) -> None:
    found = subscribe(receiver.url())
    tell()
    batch = stream()
    subscriptions.delete(ME, "huawei", found.id)
    outbox.dispatch(batch)
    assert waiting(callbacks.FIRST) == (0, 0, 0)


def test_an_event_that_cannot_be_rendered_is_kept_and_holds_nobody_up(receiver: Receiver) -> None:
    subscribe(receiver.url())
    broken = tell(broken=True)
    tell(number=1)
    unknown = stream()
    unknown["Records"].append(
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"event": {"S": "odd"}, "type": {"S": "x"}}}}
    )
    outbox.dispatch(unknown)
    run()
    assert receiver.bodies == [{"number": 1}]
    kept = [json.loads(one["body"]) for one in received(callbacks.GIVEN_UP)["Records"]]
    assert {one["id"] for one in kept} == {broken, "odd"}
    assert all(one["reason"].startswith("not rendered") for one in kept)


def test_a_failing_queue_makes_the_stream_come_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(receiver.url())
    tell()
    batch = stream()

    def refuse(_name: str, _messages: Any) -> None:
        raise RuntimeError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(queues, "send", refuse)
        with pytest.raises(RuntimeError):
            outbox.dispatch(batch)
    outbox.dispatch(batch)
    assert run() == 1


def test_a_line_is_a_device_and_a_subscription(receiver: Receiver) -> None:
    subscribe(receiver.url("/1"))
    subscribe(receiver.url("/2"))
    for source in ("a", "a", "b"):
        tell(source=source)
    outbox.dispatch(stream())
    lines: dict[tuple[str, str], set[str]] = {}
    while (event := received(callbacks.FIRST))["Records"]:
        for one in event["Records"]:
            waits = callbacks.read(one["body"])
            lines.setdefault((waits.source, waits.url), set()).add(one["attributes"]["MessageGroupId"])
        delete(callbacks.FIRST, event)
    assert [len(groups) for groups in lines.values()] == [1, 1, 1, 1]
    assert len(set.union(*lines.values())) == 4


def test_messages_are_packed_by_size_and_one_too_large_is_kept_aside(
    receiver: Receiver, calls: Calls
) -> None:
    subscribe(receiver.url())
    for number in range(3):
        tell(source=f"device-{number}", text="ä" * 60_000)  # two of them fit into one call
    tell(text='"' * 140_000)
    batch = stream()
    calls.clear()
    outbox.dispatch(batch)
    assert calls.made.count("sqs.SendMessageBatch") == 3  # two, one, and the one kept aside
    while run():
        pass
    assert [len(body["text"]) for body in receiver.bodies] == [60_000] * 3
    (kept,) = received(callbacks.GIVEN_UP)["Records"]
    assert json.loads(kept["body"])["reason"] == "the notification is too large for a queue"
    assert len(kept["body"]) < 1000


# delivery


def test_a_batch_that_goes_well_costs_a_read_and_the_log(receiver: Receiver, calls: Calls) -> None:
    first, second = subscribe(receiver.url("/1")), subscribe(receiver.url("/2"))
    calls.clear()
    deliver(*[delivery(found, number) for number in range(3) for found in (first, second)])
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.BatchWriteItem"]
    assert len(receiver.posts) == 6
    assert receiver.connections == 1


def test_the_same_message_twice_carries_the_same_id(receiver: Receiver) -> None:
    one = delivery(subscribe(receiver.url()))
    deliver(one)
    deliver(one)
    assert [posted.headers["x-polything-event-id"] for posted in receiver.posts] == ["event-0"] * 2


def test_nothing_is_sent_once_the_subscription_is_deleted(
    receiver: Receiver, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    found = subscribe(receiver.url())
    subscriptions.delete(ME, "huawei", found.id)
    again = subscribe(receiver.url())  # another one, to the same URL
    deliver(delivery(found), delivery(found, late=True, tries=3), delivery(again, 7))
    assert receiver.bodies == [{"number": 7}]
    assert sent == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_status_from_200_to_204_is_success(
    receiver: Receiver, status: int, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    receiver.statuses = [status]
    deliver(delivery(subscribe(receiver.url())))
    assert sent == []


def test_a_failure_comes_again_on_schedule_and_is_given_up(
    receiver: Receiver, sent: list[tuple[str, int, dict[str, Any]]], calls: Calls
) -> None:
    receiver.statuses = [400, 301, 404, 205, 302, 401, 403]
    one = delivery(subscribe(receiver.url()))
    calls.clear()
    deliver(one)
    assert calls.made == ["dynamodb.BatchGetItem", "sqs.SendMessageBatch", "dynamodb.BatchWriteItem"]
    while sent[-1][0] == callbacks.RETRIES:
        deliver(callbacks.read(json.dumps(sent[-1][2])))
    assert [(name, delay) for name, delay, _ in sent] == [
        *[(callbacks.RETRIES, delay) for delay in (1, 30, 600, 900, 900, 900)],
        (callbacks.GIVEN_UP, 0),
    ]
    assert [one["reason"] for _, _, one in sent][::6] == ["HTTP 400", "HTTP 403"]
    assert sent[-1][2]["body"] == {"number": 0}
    assert len({posted.headers["x-polything-event-id"] for posted in receiver.posts}) == 1
    assert [posted.headers["x-polything-attempt"] for posted in receiver.posts] == list("1234567")


def test_what_was_given_up_and_moved_back_is_tried_once_more(
    receiver: Receiver, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    receiver.statuses = [400]
    spent = delivery(subscribe(receiver.url()), tries=7, late=True, reason="HTTP 400", queued=0)
    deliver(spent)
    assert [name for name, _, _ in sent] == [callbacks.GIVEN_UP]
    deliver(spent)
    assert len(receiver.posts) == 2
    assert len(sent) == 1


def test_an_address_that_has_moved_inside_is_not_called(
    receiver: Receiver, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    addresses.use(lambda _host, _port: ["127.0.0.1"])
    found = subscribe(f"http://hooks.example:{receiver.port}/")
    addresses.use(lambda _host, _port: ["10.0.0.1"])
    deliver(delivery(found))
    assert receiver.posts == []
    assert "may not be called" in sent[0][2]["reason"]
    assert "10.0.0.1" not in json.dumps(sent)


def test_a_command_url_is_checked_like_a_subscription() -> None:
    callbacks.check_url("http://127.0.0.1:80/")
    for url in ("http://127.0.0.1/", "http://10.0.0.1:80/"):
        with pytest.raises(CallbackRefused, match="callbackUrl"):
            callbacks.check_url(url)


def test_a_message_that_is_none_fails_alone(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    one = delivery(subscribe(receiver.url()))
    callbacks.queue([one])
    event = received(callbacks.FIRST)
    event["Records"].insert(0, {**record(9, one), "body": "nonsense"})
    with pytest.raises(msgspec.DecodeError):
        handler.deliver(event)
    assert len(receiver.posts) == 1
    assert waiting(callbacks.FIRST) == (0, 0, 0)  # the good one was deleted here


def test_where_the_retries_are_refused_only_the_failed_one_comes_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subscribe(receiver.url())
    callbacks.queue([delivery(found, 1, source="a"), delivery(found, 2, source="b")])
    event = received(callbacks.FIRST)
    receiver.statuses = [200, 400]

    def refuse(_name: str, _messages: Any) -> None:
        raise RuntimeError("refused")

    monkeypatch.setattr(queues, "send", refuse)
    with pytest.raises(RuntimeError):
        handler.deliver(event)
    assert waiting(callbacks.FIRST) == (0, 1, 0)


def test_a_failing_read_sends_nothing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    one = delivery(subscribe(receiver.url()))

    def fail(_keys: object) -> dict[Any, Record]:
        raise RuntimeError("throttled")

    monkeypatch.setattr(deliveries, "find_all", fail)
    with pytest.raises(RuntimeError):
        deliver(one)
    assert receiver.posts == []


def test_what_a_throttled_read_leaves_out_is_asked_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subscribe(receiver.url())
    dispatch = reading.connection().dispatch
    asked: list[int] = []

    def stingy(operation: str, arguments: dict[str, Any]) -> Any:
        """Serves one table at a time."""
        if operation != "BatchGetItem":
            return dispatch(operation, arguments)
        tables = sorted(arguments["RequestItems"].items())
        asked.append(len(tables))
        answer = dispatch(operation, {"RequestItems": dict(tables[:1])})
        return {**answer, "UnprocessedKeys": dict(tables[1:])}

    monkeypatch.setattr(reading.connection(), "dispatch", stingy)
    deliver(delivery(found))
    assert asked == [2, 1]
    assert len(receiver.posts) == 1


# the breaker


def health(found: Subscription) -> targets.Health:
    place = addresses.endpoint(found.url)
    return targets.health_of(TargetRecord.find(targets.key(found.owner, place)))


def fail_until_open(receiver: Receiver, found: Subscription) -> None:
    receiver.statuses = [503] * targets.FAILURES
    deliver(*[delivery(found, number) for number in range(targets.FAILURES)])
    assert health(found).tripped
    receiver.posts.clear()


def test_a_dead_target_is_left_alone_and_a_good_one_is_not_held_up(
    receiver: Receiver, sent: list[tuple[str, int, dict[str, Any]]], clock: FakeClock
) -> None:
    good = subscribe(receiver.url())
    with refusing() as nobody:
        dead = subscribe(f"http://127.0.0.1:{nobody}/")
        batch = [delivery(found, number) for number in range(10) for found in (dead, good)]
        for start in range(0, len(batch), 5):
            deliver(*batch[start : start + 5])
    assert [body["number"] for body in receiver.bodies] == list(range(10))
    again = [(delay, one) for name, delay, one in sent if name == callbacks.RETRIES]
    assert len(again) == 10
    tried = [one for _, one in again if one.get("tries")]
    assert len(tried) == targets.FAILURES  # the others used up no try
    assert {delay for delay, one in again if not one.get("tries")} == {5}
    assert health(good) == targets.HEALTHY


def test_writes_happen_only_when_a_target_changes(receiver: Receiver, calls: Calls) -> None:
    found = subscribe(receiver.url())
    receiver.statuses = [503]
    calls.clear()
    deliver(delivery(found, 0), delivery(found, 1))  # fails, then recovers: as it was
    assert calls.made == ["dynamodb.BatchGetItem", "sqs.SendMessageBatch", "dynamodb.BatchWriteItem"]
    fail_until_open(receiver, found)
    calls.clear()
    deliver(*[delivery(found, number) for number in range(5)])
    assert calls.made == ["dynamodb.BatchGetItem", "sqs.SendMessageBatch"]
    assert receiver.posts == []


def test_one_probe_closes_the_breaker(receiver: Receiver, clock: FakeClock, calls: Calls) -> None:
    found = subscribe(receiver.url())
    fail_until_open(receiver, found)
    clock.advance(5)
    calls.clear()
    deliver(delivery(found, 1), delivery(found, 2))
    assert [body["number"] for body in receiver.bodies] == [1, 2]
    assert calls.made == [
        f"dynamodb.{each}" for each in ("BatchGetItem", "PutItem", "DeleteItem", "BatchWriteItem")
    ]
    assert health(found) == targets.HEALTHY


def test_a_failed_probe_opens_it_for_longer_each_time(
    receiver: Receiver, clock: FakeClock, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    found = subscribe(receiver.url())
    fail_until_open(receiver, found)
    rests = []
    for _ in range(9):
        clock.advance(health(found).rest() / 1000)
        receiver.statuses = [503]
        receiver.posts.clear()
        sent.clear()
        deliver(delivery(found, 1, queued=clock()), delivery(found, 2, queued=clock()))
        assert [body["number"] for body in receiver.bodies] == [1]
        rests.append(health(found).rest() // 1000)
        assert [delay for _, delay, _ in sent] == [1, rests[-1]]
    assert rests == [10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_only_one_of_two_may_probe(
    receiver: Receiver, clock: FakeClock, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    found = subscribe(receiver.url())
    fail_until_open(receiver, found)
    sent.clear()
    clock.advance(5)
    before = health(found)
    key = targets.key(found.owner, addresses.endpoint(found.url))
    assert targets.claim(key, before) is not None
    assert targets.claim(key, before) is None
    deliver(delivery(found, 1))
    assert receiver.posts == []
    assert sent[0][1] == targets.PROBING // 1000


def test_the_loser_of_a_claim_steps_aside(
    receiver: Receiver, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subscribe(receiver.url())
    fail_until_open(receiver, found)
    clock.advance(5)
    monkeypatch.setattr(targets, "claim", lambda _target, _health: None)
    before = health(found)
    deliver(delivery(found, 1))
    assert receiver.posts == []
    assert health(found) == before


def test_of_those_who_saw_the_same_only_the_first_counts(clock: FakeClock) -> None:
    first = targets.failed(targets.HEALTHY)
    assert targets.note("t", targets.HEALTHY, first)
    assert targets.note("t", first, targets.failed(first))
    assert not targets.note("t", targets.HEALTHY, first)  # an attempt that began before both
    assert not targets.note("t", first, targets.HEALTHY)
    assert targets.health_of(TargetRecord.find("t")) == targets.Health(failures=2, since=clock.at)


def test_what_waits_for_a_dead_target_ends_with_its_age(
    receiver: Receiver, clock: FakeClock, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    found = subscribe(receiver.url())
    fail_until_open(receiver, found)
    sent.clear()
    old = clock() - deliveries.MOST_AGE - 1
    deliver(delivery(found, 1, queued=old), delivery(found, 2, queued=clock()))
    assert [(name, one["id"]) for name, _, one in sent] == [
        (callbacks.RETRIES, "event-2"),
        (callbacks.GIVEN_UP, "event-1"),
    ]


def test_a_wrong_path_does_not_condemn_the_host(receiver: Receiver) -> None:
    found = subscribe(receiver.url())
    receiver.statuses = [404] * 10
    deliver(*[delivery(found, number) for number in range(10)])
    assert len(receiver.posts) == 10
    assert health(found) == targets.HEALTHY


def test_one_owners_failures_do_not_silence_another(receiver: Receiver) -> None:
    mine, theirs = subscribe(receiver.url()), subscribe(receiver.url("/theirs"), STRANGER)
    fail_until_open(receiver, mine)
    deliver(delivery(mine, 1), delivery(theirs, 2))
    assert [posted.path for posted in receiver.posts] == ["/theirs"]


def test_after_a_time_out_the_rest_steps_aside(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    monkeypatch.setattr(deliveries.http, "TIMEOUT", 0.2)
    with receiving() as silent:
        silent.respond = lambda handler, _posted: handler.connection.recv(1) and None
        slow, good = subscribe(silent.url()), subscribe(receiver.url())
        deliver(*[delivery(found, number) for number in range(3) for found in (slow, good)])
        assert len(silent.posts) == 1
    assert len(receiver.posts) == 3
    assert [(delay, one.get("tries", 0)) for _, delay, one in sent] == [(1, 1), (1, 0), (1, 0)]


def test_a_slow_target_is_served_from_the_retries(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, int, dict[str, Any]]]
) -> None:
    found = subscribe(receiver.url())
    monkeypatch.setattr(targets, "SLOW", -1.0)  # every answer is slow
    deliver(*[delivery(found, number) for number in range(5)])
    assert len(receiver.posts) == targets.SLOW_ANSWERS
    assert [(name, delay, one.get("tries", 0)) for name, delay, one in sent] == [
        (callbacks.RETRIES, 0, 0)
    ] * 2
    monkeypatch.setattr(targets, "SLOW", 60.0)  # it has recovered
    for _, _, one in sent:
        deliver(callbacks.read(json.dumps(one)))
    deliver(delivery(found, 9))
    assert [body["number"] for body in receiver.bodies] == [0, 1, 2, 3, 4, 9]
    assert health(found) == targets.HEALTHY


def test_targets_are_worked_at_the_same_time(receiver: Receiver) -> None:
    """Each server answers only once the other has been called."""
    from threading import Barrier

    both = Barrier(2, timeout=5)

    def together(handler: BaseHTTPRequestHandler, _posted: Posted) -> None:
        both.wait()
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with receiving() as second:
        receiver.respond = second.respond = together
        deliver(delivery(subscribe(receiver.url())), delivery(subscribe(second.url())))
    assert not both.broken


# background work


def test_jobs_are_dispatched_by_name_and_fail_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    purged: list[str] = []
    monkeypatch.setattr(removal, "purge", lambda device: purged.append(device))
    queues.work("purge", device="a")
    queues.work("nonsense", device="b")
    queues.work("purge", device="c")
    event = received(queues.WORK)
    assert len(event["Records"]) == 3
    with pytest.raises(KeyError):
        handler.work(event)
    assert sorted(purged) == ["a", "c"]
    assert waiting(queues.WORK) == (0, 1, 0)  # only the failed one comes again


def test_a_batch_of_jobs_that_goes_well_is_left_to_the_event_source(
    monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    monkeypatch.setattr(removal, "purge", lambda device: None)
    queues.work("purge", device="a")
    event = received(queues.WORK)
    calls.clear()
    handler.work(event)
    assert calls.made == []


def test_every_job_exists() -> None:
    from importlib import import_module

    for module, function in handler.JOBS.values():
        assert callable(getattr(import_module(f"chalicelib.core.{module}"), function))


def test_a_defect_in_one_delivery_leaves_the_others_done(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = deliveries.http.Client.post

    def stumble(self: Any, place: addresses.Endpoint, body: bytes, headers: Any) -> Any:
        if place.path == "/defect":
            raise ZeroDivisionError
        return post(self, place, body, headers)

    monkeypatch.setattr(deliveries.http.Client, "post", stumble)
    with receiving() as other:
        bad, good = subscribe(other.url("/defect")), subscribe(receiver.url())
        callbacks.queue([delivery(bad, 1), delivery(good, 2)])
        event = received(callbacks.FIRST)
        with pytest.raises(ZeroDivisionError):
            handler.deliver(event)
    assert receiver.bodies == [{"number": 2}]
    assert waiting(callbacks.FIRST) == (0, 1, 0)


def test_fanout_asks_once_for_many_events_of_a_pair(calls: Calls, receiver: Receiver) -> None:
    subscribe(receiver.url())
    tell()
    tell()
    told = [
        (
            events.read(outbox.EventRecord.from_raw_data(one["dynamodb"]["NewImage"])),
            "huawei",
            [Notification("device.added", b"{}"), Notification("device.deleted", b"{}")],
        )
        for one in stream()["Records"]
    ]
    calls.clear()
    fanout.dispatch(told)
    assert calls.made.count("dynamodb.Query") == 2
