"""Desired values survive crashes, lost answers, repeats and writers that cross each other."""

import json
from collections.abc import Callable

import pytest

from chalicelib.core import shadow_sending
from chalicelib.store.devices import QUEUE, SHADOW, QueueRecord, ShadowRecord
from chalicelib.store.transactions import Contention
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.queues import WorkQueue
from tests.support.shadows import ShadowDevice, add_shadow_device

SEND, ENQUEUE = "SendDirectMessage", "SendMessageBatch"
DELIVERED = ("Meter", {"level": 35}, "DELIVERED")


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet, iot: FakeIot) -> ShadowDevice:
    """Online."""
    made = add_shadow_device(fleet, iot)
    made.connect()
    return made


@pytest.fixture
def faults(device: ShadowDevice, monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults.installed(monkeypatch)


@pytest.fixture
def minutes(work: WorkQueue, clock: FakeClock) -> Callable[[int], None]:
    """Minutes pass, each with its sweep; what was queued by then is lost."""
    work.lose()

    def passing(count: int) -> None:
        for _ in range(count):
            clock.advance(60)
            shadow_sending.sweep()
            work.run()

    return passing


def test_a_crash_before_the_job_was_queued(
    device: ShadowDevice, faults: Faults, minutes: Callable[[int], None]
) -> None:
    faults.crash(ENQUEUE)
    with pytest.raises(Crash):
        device.want(level=35)
    minutes(1)
    assert device.got == [{"level": 35}]


def test_a_crash_between_store_and_send(
    device: ShadowDevice, faults: Faults, work: WorkQueue, minutes: Callable[[int], None]
) -> None:
    device.want(level=35)
    work.lose()
    faults.crash(SEND)
    faults.crash(TRANSACTION, skip=1)  # the process is dead: it does not take the attempt back either
    with pytest.raises(Crash):
        shadow_sending.deliver(device.id)
    assert device.got == []
    minutes(1)
    assert device.got == [{"level": 35}]
    device.report(level=35)
    assert device.told == [DELIVERED]


def test_a_crash_between_send_and_its_record(
    device: ShadowDevice, faults: Faults, work: WorkQueue, minutes: Callable[[int], None]
) -> None:
    device.want(level=35)
    work.lose()
    faults.crash(TRANSACTION, skip=1)
    with pytest.raises(Crash):
        shadow_sending.deliver(device.id)
    minutes(1)
    assert device.got == [{"level": 35}] * 2  # twice the same is harmless
    minutes(10)
    assert len(device.got) == 2
    assert device.told == [("Meter", {"level": 35}, "FAILED")]


def test_a_report_overtakes_the_record_of_the_send(
    device: ShadowDevice, work: WorkQueue, iot: FakeIot, faults: Faults
) -> None:
    device.want(level=35)
    faults.before(TRANSACTION, lambda: device.report(level=35), skip=1)
    work.run()
    assert work.failures == []
    assert device.told == [DELIVERED]
    assert device.states == ["DELIVERED"]


def test_aws_refuses_to_send(
    device: ShadowDevice, iot: FakeIot, work: WorkQueue, minutes: Callable[[int], None]
) -> None:
    iot.clients[device.client] = Reaction.THROTTLED
    device.want(level=35)
    work.run()
    assert len(work.failures) == 1
    assert device.states == ["PENDING"]
    iot.clients[device.client] = Reaction.CONFIRMS
    work.lose()
    minutes(1)
    assert device.got == [{"level": 35}]


@pytest.mark.parametrize("reaction", [Reaction.STALLS, Reaction.SILENT, Reaction.CUT])
def test_an_answer_of_iot_core_is_lost(
    device: ShadowDevice, iot: FakeIot, work: WorkQueue, reaction: Reaction, minutes: Callable[[int], None]
) -> None:
    iot.clients[device.client] = reaction
    device.want(level=35)
    work.run()
    device.report(level=35)
    assert device.told == [DELIVERED]
    minutes(5)
    assert device.told == [DELIVERED]


def test_a_report_of_the_value_comes_between_reading_and_writing(
    device: ShadowDevice, faults: Faults
) -> None:
    """The desired value is DELIVERED whichever of the two was first."""
    faults.before(TRANSACTION, lambda: device.report(level=35))
    device.want(level=35)
    assert faults.met == 1
    assert device.told == [DELIVERED]


def test_a_desired_value_comes_between_the_reports_reading_and_writing(
    device: ShadowDevice, faults: Faults
) -> None:
    faults.before(TRANSACTION, lambda: device.want(level=35))
    device.report(level=35)
    assert device.told == [DELIVERED]


def test_two_writers_lose_nothing(device: ShadowDevice, faults: Faults) -> None:
    faults.before(TRANSACTION, lambda: device.want(period=60))
    device.want(level=35)
    assert device.shadow().desired == {"level": 35, "period": 60}
    assert device.states == ["PENDING", "PENDING"]


def test_a_newer_value_comes_while_the_older_is_stored_as_sent(
    device: ShadowDevice, faults: Faults, work: WorkQueue
) -> None:
    device.want(level=34)
    faults.before(TRANSACTION, lambda: device.want(level=35))
    work.run()
    assert work.failures == []
    assert device.got == [{"level": 35}]


def test_the_connection_is_announced_between_reading_and_writing(
    fleet: Fleet,
    iot: FakeIot,
    work: WorkQueue,
    monkeypatch: pytest.MonkeyPatch,
    minutes: Callable[[int], None],
) -> None:
    """The value was stored as for an offline device and the connection found nothing that waits."""
    late = add_shadow_device(fleet, iot, "late")
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, late.connect)
    late.want(level=35)
    assert work.run() == []
    minutes(1)
    assert late.got == [{"level": 35}]


def test_conflicts_and_throttling_are_survived(device: ShadowDevice, faults: Faults, work: WorkQueue) -> None:
    faults.conflict(times=3)
    device.want(level=35)
    faults.conflict(times=3)
    work.run()
    faults.conflict(times=3)
    device.report(level=35)
    assert work.failures == []
    assert device.told == [DELIVERED]


def test_endless_conflicts_raise_and_change_nothing(device: ShadowDevice, faults: Faults) -> None:
    faults.conflict(times=1000)
    with pytest.raises(Contention):
        device.want(level=35)
    faults.rules.clear()
    assert device.states == []
    assert ShadowRecord.find(device.id, SHADOW + "Meter") is None


def test_a_lost_answer_to_the_store(device: ShadowDevice, faults: Faults, work: WorkQueue) -> None:
    faults.lose_answer(TRANSACTION)
    device.want(level=35)
    assert device.states == ["PENDING"]
    work.run()
    assert device.got == [{"level": 35}]


def test_jobs_may_be_repeated(device: ShadowDevice, work: WorkQueue) -> None:
    device.want(level=35)
    for _ in range(3):
        shadow_sending.deliver(device.id, ["Meter"])
    work.run()
    assert device.got == [{"level": 35}]


def test_a_report_that_comes_twice_settles_once(device: ShadowDevice) -> None:
    from chalicelib.core import clock, telemetry
    from chalicelib.core.telemetry import Report, Reported

    device.want(level=35)
    said = Report(device.id, device.id, (Reported("Meter", {"level": 35}),), "same", clock.now(), "json")
    for _ in range(2):
        telemetry.report(said)
    assert device.told == [DELIVERED]


def test_a_crash_after_the_report_was_stored(device: ShadowDevice, faults: Faults, work: WorkQueue) -> None:
    """The rule's repeat of the message queues what its first could not."""
    from chalicelib.core import clock, telemetry
    from chalicelib.core.telemetry import Report, Reported

    device.want(level=35)
    work.lose()
    said = Report(device.id, device.id, (Reported("Meter", {"flow": 1}),), "same", clock.now(), "json")
    faults.crash(ENQUEUE)
    with pytest.raises(Crash):
        telemetry.report(said)
    telemetry.report(said)
    work.run()
    assert device.got == [{"level": 35}]


def test_a_name_too_many_in_the_queue_leads_to_nothing(device: ShadowDevice, work: WorkQueue) -> None:
    device.want(level=35)
    work.run()
    QueueRecord(device.id, QUEUE).update([QueueRecord.shadows.add({"Meter", "Nope"})])
    shadow_sending.deliver(device.id)
    queue = QueueRecord.find(device.id, QUEUE)
    assert queue is not None
    assert "Meter" not in (queue.shadows or set())
    assert device.got == [{"level": 35}]


def test_many_services_take_several_rounds(
    fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
) -> None:
    from chalicelib.core.things import ThingModel

    free = add_shadow_device(fleet, iot, "free", ThingModel())
    for start in (0, 30):
        free.want_all({f"s{number}": {"a": 1} for number in range(start, start + 30)})
    clock.advance(60)
    assert shadow_sending.sweep() == 2
    assert all(len(json.dumps(job)) < 200_000 for job in work.waiting())
    work.lose()
    free.connect()
    work.run()
    assert work.failures == []
    assert len(free.got) == 60


def test_what_is_over_ends_however_much_waits_beside_it(
    fleet: Fleet, iot: FakeIot, work: WorkQueue, minutes: Callable[[int], None]
) -> None:
    from chalicelib.core.things import ThingModel

    free = add_shadow_device(fleet, iot, "free", ThingModel())
    free.connect()
    free.want("z", a=1)
    work.run()
    free.disconnect()
    for start in (0, 30):
        free.want_all({f"s{number}": {"a": 1} for number in range(start, start + 30)})
    minutes(5)
    assert free.told == [("z", {"a": 1}, "FAILED")]
