"""One time for all of a device's shadow, whoever writes which of its services."""

import pytest

from chalicelib.core import products, shadow_fields, shadows, telemetry
from chalicelib.core.shadows import Desired
from chalicelib.core.telemetry import Report, Reported
from chalicelib.core.things import ThingModel
from chalicelib.store.devices import SHADOW, STAMP, ShadowRecord, StampRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.shadows import MODEL, ShadowDevice, add_shadow_device

READ, WRITE, QUERY = "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "dynamodb.Query"
ONE = ThingModel(MODEL.services[:1])


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet) -> ShadowDevice:
    """Of two services."""
    return add_shadow_device(fleet, FakeIot())


def newest(device: ShadowDevice) -> int:
    held = shadow_fields.load(device.id)
    assert held is not None
    return held.stamp


def test_writers_of_different_services_never_share_one(device: ShadowDevice) -> None:
    seen = []
    for number in range(3):
        device.report(flow=number)
        seen.append(newest(device))
        device.report("Light", on=True)
        seen.append(newest(device))
        device.want(level=number)
        seen.append(newest(device))
    assert seen == list(range(seen[0], seen[0] + 9))


def test_nor_under_a_clock_that_jumps_back(device: ShadowDevice, clock: FakeClock) -> None:
    device.report(flow=1)
    before = newest(device)
    clock.at -= 3_600_000
    device.report("Light", on=True)
    device.want(level=1)
    assert newest(device) == before + 2


def test_of_one_transaction_is_one(device: ShadowDevice, fleet: Fleet) -> None:
    shadows.set_desired(
        fleet.caller, device.id, [Desired("Meter", {"level": 1}), Desired("Light", {"on": True})]
    )
    stamps = {int(ShadowRecord.get(device.id, SHADOW + name).stamp) for name in ("Meter", "Light")}
    mark = StampRecord.get(device.id, STAMP)
    assert stamps == {int(mark.stamp)} == {int(mark.wanted)}
    assert mark.services == {"Meter", "Light"}


def test_costs_one_call_in_a_devices_life(device: ShadowDevice, calls: Calls) -> None:
    calls.clear()
    device.report(flow=1)
    assert calls.made == [READ, QUERY, WRITE]
    for act in (lambda: device.report("Light", on=True), lambda: device.want(level=1)):
        calls.clear()
        act()
        assert calls.made[:2] == [READ, WRITE]
        assert QUERY not in calls.made


def test_of_a_model_with_one_service_is_that_services(fleet: Fleet, calls: Calls) -> None:
    single = add_shadow_device(fleet, FakeIot(), model=ONE)
    calls.clear()
    single.report(flow=1)
    assert calls.made == [READ, WRITE]
    assert StampRecord.find(single.id, STAMP) is None
    assert newest(single) == int(ShadowRecord.get(single.id, SHADOW + "Meter").stamp)


def test_what_no_model_describes_is_a_service_too(fleet: Fleet) -> None:
    """Bytes that nobody described are kept as a service of their own."""
    single = add_shadow_device(fleet, FakeIot(), model=ONE)
    single.report(flow=1)
    raw = Reported("RawData", {"rawData": "AA=="}, raw=True)
    telemetry.report(Report(single.id, single.id, (raw,), "raw", newest(single)))
    assert newest(single) == int(ShadowRecord.get(single.id, SHADOW + "Meter").stamp) + 1
    single.report(flow=2)
    assert newest(single) == int(StampRecord.get(single.id, STAMP).stamp)


def test_two_who_know_different_models(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that takes the only service's stamp for the device's, and one that makes `S` meanwhile."""
    single = add_shadow_device(fleet, FakeIot(), model=ONE)
    single.report(flow=1)
    first = newest(single)
    product = products.get(fleet.tenant, shadow_fields.load(single.id).device.product)  # type: ignore[union-attr]

    def meanwhile() -> None:
        products.set_model(fleet.tenant, product.id, MODEL)
        single.report("Light", on=True)

    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, meanwhile)
    single.report(flow=2)
    light = int(ShadowRecord.get(single.id, SHADOW + "Light").stamp)
    meter = int(ShadowRecord.get(single.id, SHADOW + "Meter").stamp)
    assert (first, light, meter) == (first, first + 1, first + 2)
    assert newest(single) == meter


def test_a_writer_of_another_service_that_came_between(
    device: ShadowDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.report(flow=1)
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, lambda: device.report("Light", on=True))
    device.want(level=1)
    mark = StampRecord.get(device.id, STAMP)
    assert int(mark.stamp) == int(ShadowRecord.get(device.id, SHADOW + "Meter").stamp)
    assert int(mark.stamp) == int(ShadowRecord.get(device.id, SHADOW + "Light").stamp) + 1


def test_a_crash_before_the_write_leaves_nothing(
    device: ShadowDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.faults import Crash

    device.report(flow=1)
    before = newest(device)
    faults = Faults.installed(monkeypatch)
    faults.crash(TRANSACTION)
    with pytest.raises(Crash):
        device.want(level=1)
    assert newest(device) == before
