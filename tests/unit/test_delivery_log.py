"""The log of deliveries, the pause of a dead callback, and replaying what was sent or given up."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from chalicelib.aws import addresses
from chalicelib.core import (
    callback_targets,
    callbacks,
    delivery_log,
    events,
    jobs,
    operating,
    replays,
    subscriptions,
    targets,
)
from chalicelib.core.applications import Caller
from chalicelib.core.callbacks import Delivery, Notification
from chalicelib.core.delivery_log import Attempt
from chalicelib.core.errors import DeliveryNotFound, InvalidInput, JobNotFound
from chalicelib.core.events import EventType
from chalicelib.core.jobs import State
from chalicelib.core.subscriptions import Subscription
from chalicelib.handlers import queues as handler
from chalicelib.store.deliveries import REALM, AttemptRecord, JobRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.subscriptions import TargetRecord
from chalicelib.store.transactions import Transaction
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.queues import WorkQueue
from tests.support.receiver import Receiver, receiving, refusing
from tests.support.triggers import delete, received, waiting
from tests.unit.test_callbacks import ME, STRANGER, deliver

HOUR = 3600


@pytest.fixture(autouse=True)
def _loopback(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    replays.use(lambda _dialect, event: [Notification(event.type.value, msgspec.json.encode(event.data))])
    yield
    addresses.use(None)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL where nobody answers."""
    with refusing() as port:
        yield f"http://127.0.0.1:{port}/hook"


@pytest.fixture
def work(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> WorkQueue:
    monkeypatch.setattr(handler.wiring, "wire", lambda: None)  # the renderer above stays
    return WorkQueue(clock)


def tell(caller: Caller = ME, **data: Any) -> str:
    change = Transaction()
    ident = events.emit(change, EventType.DEVICE_ADDED, "device", caller.tenant, caller.owner, **data)
    change.commit()
    return ident


def subscribe(url: str, caller: Caller = ME) -> Subscription:
    return subscriptions.create(caller, "huawei", "device.added", url)


def made(found: Subscription, event: str, **more: Any) -> Delivery:
    given: dict[str, Any] = {
        "id": f"{event}-huawei-0",
        "owner": found.owner,
        "source": "device",
        "dialect": "huawei",
        "notify_type": found.notify_type,
        "url": found.url,
        "queued": 1_700_000_000_000,
        "body": msgspec.Raw(b'{"first": 1}'),
        "subscription": found.id,
    }
    return Delivery(**(given | more))


def log(found: Subscription, **more: Any) -> list[Attempt]:
    line = delivery_log.line(found.owner, found.id)
    return delivery_log.page(
        line, more.get("since"), more.get("until"), more.get("cursor"), more.get("size", 50)
    ).attempts


def retry() -> int:
    """Deliver what is visible in the retries."""
    event = received(callbacks.RETRIES)
    if event["Records"]:
        handler.deliver(event)
        delete(callbacks.RETRIES, event)
    return len(event["Records"])


# the log


def test_each_try_is_logged_with_its_outcome(receiver: Receiver, clock: FakeClock) -> None:
    found, event = subscribe(receiver.url("/hook?key=secret")), tell()
    receiver.statuses = [500]
    deliver(made(found, event))
    clock.advance(1)
    deliver(made(found, event, tries=1))
    second, first = log(found)
    assert (first.outcome, first.status, first.tries, first.reason) == ("again", 500, 1, "HTTP 500")
    assert (second.outcome, second.status, second.tries, second.reason) == ("delivered", 200, 2, None)
    assert first.delivery == second.delivery == f"{event}-huawei-0"
    assert second.at == first.at + 1000
    assert first.ms is not None
    assert first.ms >= 0
    assert "secret" not in str(first)
    assert first.target == receiver.url("").rstrip("/")


def test_a_batch_is_one_write(receiver: Receiver, calls: Calls) -> None:
    one, two = subscribe(receiver.url("/1")), subscribe(receiver.url("/2"))
    calls.clear()
    deliver(*[made(each, f"{number:032x}") for number in range(2) for each in (one, two)])
    assert calls.made.count("dynamodb.BatchWriteItem") == 1
    assert (len(log(one)), len(log(two))) == (2, 2)


def test_what_nobody_answers_is_logged_too(nobody: str) -> None:
    found = subscribe(nobody)
    deliver(made(found, "0" * 32))
    (attempt,) = log(found)
    assert (attempt.status, attempt.outcome) == (None, "again")
    assert attempt.reason


def test_what_was_not_tried_is_not_logged(receiver: Receiver) -> None:
    found = subscribe(receiver.url())
    subscriptions.delete(ME, "huawei", found.id)
    deliver(made(found, "0" * 32))
    assert log(found) == []


def test_a_log_that_cannot_be_written_delivers_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError

    found = subscribe(receiver.url())
    monkeypatch.setattr(delivery_log, "connection", full)
    deliver(made(found, "0" * 32))
    assert len(receiver.posts) == 1
    assert log(found) == []


def test_pages_of_the_log_end(clock: FakeClock) -> None:
    found, line = subscribe("http://127.0.0.1:9/"), ""
    line = delivery_log.line(found.owner, found.id)
    written = []
    for number in range(5):
        attempt = Attempt(
            f"{clock.at:012x}" + "0" * 20, clock.at, f"d-{number}", "s", "t", "o", "delivered", 1
        )
        delivery_log.write([(line, attempt)])
        written.append(attempt)
        clock.advance(1)
    seen, cursor, pages = [], None, 0
    while pages < 10:
        page = delivery_log.page(line, None, None, cursor, 2)
        seen += page.attempts
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert (seen, pages) == (written[::-1], 3)
    begin, end = written[1].at, written[3].at
    assert delivery_log.page(line, begin, end, None, 10).attempts == written[2:0:-1]
    assert delivery_log.page(delivery_log.line("other", found.id), None, None, None, 10).attempts == []
    with pytest.raises(InvalidInput):
        delivery_log.page(line, None, None, "x", 10)
    (record, *_) = AttemptRecord.query(line)
    assert record.ttl == (int(record.at) + events.KEPT) // 1000


# the pause


def fail_for(found: Subscription, clock: FakeClock, seconds: int) -> None:
    """A delivery each time something may be sent."""
    until = clock.at + seconds * 1000
    number = 0
    while clock.at <= until:
        deliver(made(found, f"{number:032x}", queued=clock.at))
        number += 1
        record = TargetRecord.find(f"{found.owner}|{callback_targets.origin(found.url)}")
        rest = max(targets.health_of(record).rest(), 1000)
        clock.advance(rest / 1000)


def health(found: Subscription) -> targets.Health:
    (told,) = [each for each in callback_targets.list_told(found.owner) if each.id == found.id]
    return told.health


def test_a_callback_that_fails_for_a_day_is_paused(
    nobody: str, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    found = subscribe(nobody)
    began = clock.at
    fail_for(found, clock, 24 * HOUR - 1000)
    assert not health(found).paused
    assert health(found).since == began
    fail_for(found, clock, 1 * HOUR)
    held = health(found)
    assert held.paused >= began + 24 * HOUR * 1000
    assert capsys.readouterr().out.count('"CallbackPaused":1') == 1
    while received(callbacks.GIVEN_UP)["Records"]:
        pass
    deliver(made(found, "b" * 32, queued=clock.at))  # probes in vain
    assert health(found).rest() == targets.DEAD_PROBE
    deliver(made(found, "a" * 32, queued=clock.at))
    (given_up,) = [callbacks.read(each["body"]) for each in received(callbacks.GIVEN_UP)["Records"]]
    assert (given_up.id, given_up.reason) == (f"{'a' * 32}-huawei-0", "the callback is paused")
    newest = log(found)[0]
    assert (newest.outcome, newest.status, newest.ms) == ("given up", None, None)


def pause(found: Subscription, clock: FakeClock) -> None:
    held = targets.Health(99, 0, clock.at + targets.DEAD_PROBE, clock.at - targets.DEAD_AFTER, clock.at)
    assert targets.note(f"{found.owner}|{callback_targets.origin(found.url)}", targets.HEALTHY, held)


def test_an_answer_resumes_it(receiver: Receiver, clock: FakeClock) -> None:
    found = subscribe(receiver.url())
    pause(found, clock)
    deliver(made(found, "0" * 32))
    assert receiver.posts == []
    clock.advance(targets.DEAD_PROBE // 1000)
    deliver(made(found, "1" * 32, queued=clock.at), made(found, "2" * 32, queued=clock.at))
    assert len(receiver.posts) == 2
    assert health(found) == targets.HEALTHY


def test_a_probe_that_fails_keeps_it_paused(nobody: str, clock: FakeClock) -> None:
    found = subscribe(nobody)
    pause(found, clock)
    paused = health(found).paused
    clock.advance(targets.DEAD_PROBE // 1000)
    deliver(made(found, "1" * 32, queued=clock.at))
    assert health(found).paused == paused
    assert health(found).rest() == targets.DEAD_PROBE


def test_an_operator_resumes_it(receiver: Receiver, clock: FakeClock, calls: Calls) -> None:
    found, stranger = subscribe(receiver.url()), subscribe(receiver.url(), STRANGER)
    pause(found, clock)
    pause(stranger, clock)
    calls.clear()
    for _ in range(2):
        callback_targets.resume(ME.owner, callback_targets.origin(found.url))
    assert calls.made == ["dynamodb.TransactWriteItems"] * 2
    deliver(made(found, "0" * 32))
    assert len(receiver.posts) == 1
    assert health(stranger).paused, "another application's is its own"


# replay


def given_up(found: Subscription, event: str, clock: FakeClock) -> str:
    """An entry as the last try leaves one; answers its id."""
    attempt = Attempt(
        f"{clock.at:012x}" + "0" * 20,
        clock.at,
        f"{event}-huawei-0",
        "device",
        "device.added",
        "o",
        "given up",
        7,
    )
    delivery_log.write([(delivery_log.line(found.owner, found.id), attempt)])
    clock.advance(1)
    return attempt.id


def test_one_is_replayed_under_its_own_id(receiver: Receiver, clock: FakeClock, calls: Calls) -> None:
    found, event = subscribe(receiver.url("/hook")), tell(number=5)
    entry = given_up(found, event, clock)
    calls.clear()
    assert replays.one(ME.owner, found.id, entry) == f"{event}-huawei-0"
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "sqs.SendMessageBatch"]
    assert retry() == 1
    (posted,) = receiver.posts
    assert (posted.path, posted.body) == ("/hook", b'{"number":5}')
    assert posted.headers["x-polything-event-id"] == f"{event}-huawei-0"


def test_what_cannot_be_replayed(receiver: Receiver, clock: FakeClock) -> None:
    found, event = subscribe(receiver.url()), tell()
    entry, lost = given_up(found, event, clock), given_up(found, "f" * 32, clock)
    stranger = subscribe(receiver.url(), STRANGER)
    for owner, subscription, ident in (
        (ME.owner, found.id, "f" * 32),
        (ME.owner, found.id, "é"),
        (ME.owner, found.id, lost),
        (STRANGER.owner, found.id, entry),
        (STRANGER.owner, stranger.id, entry),
        (ME.owner, "", entry),
    ):
        with pytest.raises(DeliveryNotFound):
            replays.one(owner, subscription, ident)
    subscriptions.delete(ME, "huawei", found.id)
    with pytest.raises(DeliveryNotFound):
        replays.one(ME.owner, found.id, entry)
    assert waiting(callbacks.RETRIES) == (0, 0, 0)


def test_those_of_a_time_are_replayed_by_a_job(receiver: Receiver, clock: FakeClock, work: WorkQueue) -> None:
    found = subscribe(receiver.url())
    begin = clock.at
    numbers = range(60)
    for number in numbers:
        given_up(found, tell(number=number), clock)
    given_up(found, "f" * 32, clock)  # whose event is gone
    end = clock.at
    given_up(found, tell(number=99), clock)
    job = replays.of_time(ME.owner, found.id, begin, end, delivered=False)
    assert (job.state, job.done) == (State.RUNNING, 0)
    work.run()
    after = jobs.find(job.id)
    assert (after.state, after.done, after.left_out) == (State.DONE, 60, 1)
    while retry():
        pass
    assert sorted(body["number"] for body in receiver.bodies) == list(numbers)
    assert [each.id for each in jobs.list_jobs()] == [job.id]


def test_what_arrived_is_replayed_where_that_is_asked(
    receiver: Receiver, clock: FakeClock, work: WorkQueue
) -> None:
    found, event = subscribe(receiver.url()), tell()
    deliver(made(found, event))
    for delivered, number in ((False, 0), (True, 1)):
        job = replays.of_time(ME.owner, found.id, clock.at - 1, clock.at + 1, delivered=delivered)
        work.run()
        assert jobs.find(job.id).done == number


def test_of_two_workers_one_moves_a_job(receiver: Receiver, clock: FakeClock, work: WorkQueue) -> None:
    found = subscribe(receiver.url())
    for number in range(3):
        given_up(found, tell(number=number), clock)
    job = replays.of_time(ME.owner, found.id, clock.at - 9000, clock.at, delivered=False)
    step = replays.WORKS[replays.RANGE]

    def overtaken(parameters: dict[str, Any], place: str) -> jobs.Step:
        jobs.perform(job.id, {replays.RANGE: step})  # another worker, meanwhile
        return step(parameters, place)

    jobs.perform(job.id, {replays.RANGE: overtaken})
    assert (jobs.find(job.id).done, jobs.find(job.id).state) == (3, State.DONE)
    operating.perform(job.id)
    assert jobs.find(job.id).done == 3


def test_a_job_whose_worker_died_goes_on_from_its_place(clock: FakeClock, work: WorkQueue) -> None:
    found = subscribe("http://127.0.0.1:9/")
    for number in range(60):
        given_up(found, tell(number=number), clock)
    job = replays.of_time(ME.owner, found.id, clock.at - 99_000, clock.at, delivered=False)
    steps = []

    def dying(parameters: dict[str, Any], place: str) -> jobs.Step:
        steps.append(place)
        if len(steps) == 2:
            raise KeyboardInterrupt
        return replays.WORKS[replays.RANGE](parameters, place)

    with pytest.raises(KeyboardInterrupt):
        jobs.perform(job.id, {replays.RANGE: dying})
    assert jobs.find(job.id).done == 25
    work.run()
    assert (jobs.find(job.id).done, jobs.find(job.id).state) == (60, State.DONE)


def test_a_worker_hands_over_in_time(
    clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subscribe("http://127.0.0.1:9/")
    for number in range(60):
        given_up(found, tell(number=number), clock)
    monkeypatch.setattr(jobs, "WORKS", -1)
    replays.of_time(ME.owner, found.id, clock.at - 99_000, clock.at, delivered=False)
    assert work.run() == ["operate"] * 3


def test_a_job_that_is_not_there() -> None:
    for absent in ("f" * 32, "x"):
        with pytest.raises(JobNotFound):
            jobs.find(absent)
    operating.perform("f" * 32)


def dead(found: Subscription, *numbers: int, **more: Any) -> None:
    callbacks.give_up([(made(found, f"{number:032x}", tries=7, **more), "HTTP 500") for number in numbers])


def test_all_that_was_given_up_is_tried_once_more(
    receiver: Receiver, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subscribe(receiver.url())
    dead(found, *range(12))
    dead(found, 99, body=callbacks.NO_BODY)
    monkeypatch.setattr(replays.clock, "now", lambda: 2**42)  # the queue's own time is the wall clock's
    job = replays.dead_letters()
    monkeypatch.undo()
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    monkeypatch.setattr(handler.wiring, "wire", lambda: None)
    work.run()
    after = jobs.find(job.id)
    assert (after.state, after.done) == (State.DONE, 12)
    assert after.left_out == 1
    while retry():
        pass
    assert len(receiver.posts) == 12


def test_what_is_given_up_later_stays(clock: FakeClock, work: WorkQueue) -> None:
    found = subscribe("http://127.0.0.1:9/")
    job = replays.dead_letters()  # the clock of the test lies years before the queue's
    dead(found, 1)
    work.run()
    assert (jobs.find(job.id).state, jobs.find(job.id).done) == (State.DONE, 0)
    record = JobRecord.find(REALM, job.id)
    assert record is not None
    assert json.loads(record.parameters) == {"until": clock.at}


def test_an_event_is_kept_as_long_as_the_log(clock: FakeClock) -> None:
    event = tell()
    record = EventRecord.find("device", event)
    assert record is not None
    assert record.ttl == (clock.at + events.KEPT) // 1000
