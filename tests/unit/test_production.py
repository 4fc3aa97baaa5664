"""Mass production: as many devices as were promised, each once, whatever dies; listed from the start."""

from collections.abc import Callable

import pytest

from chalicelib.core import (
    applications,
    certificates,
    ids,
    production,
    production_work,
    products,
    registration,
    removal,
)
from chalicelib.core.applications import Caller
from chalicelib.core.devices import Status
from chalicelib.core.errors import (
    BatchGenerated,
    BatchNotFound,
    InvalidInput,
    NoValidName,
    ProductNotFound,
    ProductNotReleased,
)
from chalicelib.core.paging import Part
from chalicelib.core.production import Refusal
from chalicelib.core.products import NodeType, Product
from chalicelib.core.registration import BY_SECRET, NewDevice
from chalicelib.handlers import queues as handler
from chalicelib.store import counters
from chalicelib.store.devices import CREDENTIALS, CredentialsRecord, DeviceItem, DeviceRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.production import LaneRecord, ProductionRecord
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue


def release(product: Product, *, released: bool = True) -> Product:
    return products.revise(product.tenant, product.id, lambda _record, _change: {"released": released})


def drafted(product: Product) -> Product:
    """In development, as XLink's companies make them."""
    return products.revise(product.tenant, product.id, lambda _record, _change: {"released": False})


def test_a_product_of_no_stage_counts_as_released(fleet: Fleet) -> None:
    product = make_product(fleet.tenant, model="operator's")
    assert product.released is None
    assert production.generate(fleet.caller, product.id, 1)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    made = make_fleet()
    made.product = release(made.product)
    return made


def recorder(fleet: Fleet, children: int, below: Product | None = None) -> Product:
    """The product of a gateway that comes with so many devices behind it."""
    made = release(make_product(fleet.tenant, NodeType.GATEWAY, model="NVR"))
    values = {"child_product": (below or fleet.product).id, "children": children}
    return products.revise(fleet.tenant, made.id, lambda _record, _change: values)


def generate(fleet: Fleet, amount: int) -> str:
    return production.generate(fleet.caller, fleet.product.id, amount)


def upload(fleet: Fleet, *names: str) -> production.Batch:
    return production.upload(fleet.caller, fleet.product.id, names)


def generate_named(fleet: Fleet, batch: str) -> str:
    return production.generate_named(fleet.caller, fleet.product.id, batch)


def listed(fleet: Fleet, batch: str) -> list[certificates.Certificate]:
    return certificates.of_batch(fleet.caller, batch, 0, 20_000).items


def devices_of(product: Product) -> list[DeviceRecord]:
    return list(DeviceRecord.by_product.query(product.id))


def totals(fleet: Fleet) -> tuple[int, int]:
    name = registration.total_name
    return (
        counters.total(name(fleet.application)),
        counters.total(name(fleet.application, fleet.product.id)),
    )


def lanes() -> list[LaneRecord]:
    found = (lane.id for n in range(4) for lane in LaneRecord.by_deadline.query(f"produce#{n}"))
    return [LaneRecord.get(lane) for lane in found]


def exactly(fleet: Fleet, amount: int, batch: str) -> None:
    """So many devices, each complete and counted, told and listed once, with the secret it has."""
    found = {record.device: record for record in devices_of(fleet.product)}
    assert len(found) == amount
    assert totals(fleet) == (amount, amount)
    for device in found:
        assert DeviceItem.get(device, CREDENTIALS)
        assert [event.type for event in EventRecord.query(device)] == ["device.added"]
    assert lanes() == []
    shown = listed(fleet, batch)
    assert {each.device for each in shown} == set(found)
    assert len(shown) == amount
    assert all(each.state is not None for each in shown)


def test_a_batch_is_stored_at_one_go_and_worked_later(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    products.load(fleet.product.id)
    calls.clear()
    batch = generate(fleet, 250)
    assert calls.made == ["dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert devices_of(fleet.product) == []
    assert len(lanes()) == 2
    assert work.run() == ["produce"] * 2
    exactly(fleet, 250, batch)


def test_ten_thousand_are_one_transaction_and_five_messages_of_ten(
    fleet: Fleet, work: WorkQueue, calls: Calls
) -> None:
    products.load(fleet.product.id)
    calls.clear()
    generate(fleet, production.MOST)
    assert calls.made == ["dynamodb.TransactWriteItems", *["sqs.SendMessageBatch"] * 5]
    assert len(work.waiting()) == len(lanes()) == production.MOST_LANES


def test_a_job_costs_a_transaction_for_sixteen_devices(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    generate(fleet, 100)
    work.waiting()
    calls.clear()
    work.run()
    assert calls.made == [*["dynamodb.GetItem"] * 2, *["dynamodb.TransactWriteItems"] * 7]


def test_the_certificates_are_listed_at_once_and_stay_the_same(fleet: Fleet, work: WorkQueue) -> None:
    batch = generate(fleet, 40)
    before = listed(fleet, batch)
    assert [each.state for each in before] == [None] * 40
    assert all(ids.is_random_id(each.device) and each.name == each.device for each in before)
    assert len({each.secret for each in before}) == 40
    work.run()
    after = listed(fleet, batch)
    same = [(each.device, each.product, each.name, each.secret) for each in after]
    assert same == [(each.device, each.product, each.name, each.secret) for each in before]
    assert {each.state and each.state.status for each in after} == {Status.INACTIVE}


def test_a_device_logs_in_with_its_certificate(fleet: Fleet, work: WorkQueue) -> None:
    batch = generate(fleet, 1)
    (certificate,) = listed(fleet, batch)
    work.run()
    Mqtt(certificate.name, certificate.secret).connect()
    (shown,) = listed(fleet, batch)
    assert shown.state is not None
    assert shown.state.status is Status.ONLINE


def test_pages_of_a_batch_and_what_they_cost(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    batch = generate(fleet, 230)
    work.run()
    everything = listed(fleet, batch)
    calls.clear()
    page = certificates.of_batch(fleet.caller, batch, 150, 100)
    assert calls.made == ["dynamodb.GetItem", *["dynamodb.BatchGetItem"] * 3]
    assert page.items == everything[150:]
    assert page.total == 230
    assert certificates.of_batch(fleet.caller, batch, 230, 100).items == []
    assert certificates.of_batch(fleet.caller, batch, 2_000_000, 100).items == []


def test_secrets_are_stored_encrypted(fleet: Fleet, work: WorkQueue) -> None:
    batch = generate(fleet, 1)
    (certificate,) = listed(fleet, batch)
    work.run()
    held = CredentialsRecord.get(certificate.device, CREDENTIALS)
    head = ProductionRecord.get(batch)
    assert certificate.secret not in str(held.attribute_values) + str(head.attribute_values)
    assert head.key.startswith("1:")


def test_a_secret_that_was_changed_is_shown_as_it_is(fleet: Fleet, work: WorkQueue) -> None:
    from chalicelib.core import credentials

    batch = generate(fleet, 1)
    work.run()
    (certificate,) = listed(fleet, batch)
    credentials.record(
        fleet.tenant, certificate.device, certificate.name, "another", "psk", None, gateway=False
    ).save()
    assert listed(fleet, batch)[0].secret == "another"


def test_a_deleted_device_is_listed_no_more_and_not_made_again(
    fleet: Fleet, work: WorkQueue, clock: FakeClock
) -> None:
    batch = generate(fleet, 3)
    job = work.waiting()[0]
    work.run()
    first = listed(fleet, batch)[0].device
    removal.delete(fleet.caller, first)
    work.run()
    production_work.perform(job["lane"])
    clock.advance(3600)
    assert production_work.sweep() == 0
    assert len(listed(fleet, batch)) == len(devices_of(fleet.product)) == 2
    assert certificates.of_batch(fleet.caller, batch, 0, 10).total == 3


def test_others_see_no_batch_of_ours(fleet: Fleet) -> None:
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    batch = generate(fleet, 3)
    for caller in (make_fleet("other").caller, Caller(fleet.tenant, sibling.id, sibling.id)):
        for ask in (
            lambda: production.get(caller, batch),  # noqa: B023 - asked at once
            lambda: certificates.of_batch(caller, batch, 0, 10),  # noqa: B023
            lambda: production.generate_named(caller, fleet.product.id, batch),  # noqa: B023
            lambda: certificates.of_gateways(caller, fleet.product.id, batch, 0, 10),  # noqa: B023
        ):
            with pytest.raises(BatchNotFound):
                ask()


def test_what_is_no_batch_is_absent(fleet: Fleet) -> None:
    from chalicelib.core import imports

    other = imports.accept(fleet.caller, fleet.product.id, ["0" * 12])
    for ident in ("", "x", ids.ordered_id(), f"{other}#0", other, f"{generate(fleet, 1)}#0"):
        with pytest.raises(BatchNotFound):
            certificates.of_batch(fleet.caller, ident, 0, 10)


def test_nothing_is_made_for_another_tenants_product(fleet: Fleet, work: WorkQueue) -> None:
    theirs = make_fleet("other").caller
    for ask in (
        lambda: production.generate(theirs, fleet.product.id, 2),
        lambda: production.upload(theirs, fleet.product.id, ["a"]),
        lambda: production.generate_gateways(theirs, fleet.product.id, 2),
    ):
        with pytest.raises(ProductNotFound):
            ask()
    assert (lanes(), work.waiting()) == ([], [])


def test_what_is_not_released_is_not_made(fleet: Fleet) -> None:
    product = drafted(make_product(fleet.tenant, NodeType.GATEWAY, model="draft"))
    calls: tuple[Callable[[], object], ...] = (
        lambda: production.generate(fleet.caller, product.id, 2),
        lambda: production.upload(fleet.caller, product.id, ["a"]),
        lambda: production.generate_gateways(fleet.caller, product.id, 2),
    )
    for ask in calls:
        with pytest.raises(ProductNotReleased):
            ask()


def test_a_product_of_which_nobody_says_that_it_is_in_development(fleet: Fleet) -> None:
    assert production.generate(fleet.caller, make_product(fleet.tenant, model="plain").id, 2)


def test_a_release_counts_at_once_also_where_the_product_is_remembered(fleet: Fleet) -> None:
    product = drafted(make_product(fleet.tenant, model="draft"))
    products.load(product.id)
    record = ProductRecord.get(product.id)
    record.update([ProductRecord.released.set(True)])  # by another process
    assert production.generate(fleet.caller, product.id, 2)


@pytest.mark.parametrize("amount", [0, -1, production.MOST + 1])
def test_amounts_out_of_range(fleet: Fleet, amount: int) -> None:
    with pytest.raises(InvalidInput, match="amount"):
        generate(fleet, amount)
    with pytest.raises(InvalidInput, match="amount"):
        production.generate_gateways(fleet.caller, recorder(fleet, 1).id, amount)
    assert lanes() == []


# faults


def test_a_batch_whose_messages_were_lost_is_taken_up(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Faults.installed(monkeypatch).crash("SendMessageBatch")
    with pytest.raises(Crash):
        generate(fleet, 201)
    batch = str(lanes()[0].batch)
    assert production_work.sweep() == 0
    clock.advance(production.TAKEN_UP_AFTER / 1000)
    assert production_work.sweep() == 2
    assert production_work.sweep() == 0  # they are on their way
    work.run()
    exactly(fleet, 201, batch)
    clock.advance(production.TAKEN_UP_AFTER / 1000)
    assert production_work.sweep() == 0


@pytest.mark.parametrize("kind", ["crash", "cut"])
@pytest.mark.parametrize(
    ("operation", "skip"), [("GetItem", 0), ("GetItem", 1), *(("TransactWriteItems", n) for n in range(3))]
)
def test_a_worker_that_dies_leaves_nothing_half_done(
    fleet: Fleet,
    work: WorkQueue,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    skip: int,
    kind: str,
) -> None:
    """Before the call, and after it."""
    batch = generate(fleet, 40)
    promised = {each.device for each in listed(fleet, batch)}
    work.waiting()
    faults = Faults.installed(monkeypatch)
    getattr(faults, kind)(operation, skip=skip)
    work.run()
    assert (faults.met, len(work.failures)) == (1, 1)
    assert {each.device for each in listed(fleet, batch)} == promised
    clock.advance(120)
    work.run()
    exactly(fleet, 40, batch)


def test_an_answer_that_is_lost_and_a_conflict_change_nothing(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = generate(fleet, 40)
    faults = Faults.installed(monkeypatch)
    faults.lose_answer("TransactWriteItems", skip=1)
    faults.conflict(2)
    work.run()
    assert (faults.met, work.failures) == (3, [])
    exactly(fleet, 40, batch)


def test_a_message_that_comes_twice(fleet: Fleet, work: WorkQueue) -> None:
    batch = generate(fleet, 30)
    for job in work.waiting():
        for _ in range(2):
            production_work.perform(job["lane"])
    work.run()
    exactly(fleet, 30, batch)


def test_two_workers_of_one_lane_at_a_time(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = generate(fleet, 60)
    lane = work.waiting()[0]["lane"]
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: production_work.perform(lane), skip=1)
    work.run()
    assert (faults.met, work.failures) == (1, [])
    exactly(fleet, 60, batch)


def test_a_long_lane_goes_on_in_another_job(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(production_work, "STEPS", 2)
    batch = generate(fleet, 70)
    assert work.run() == ["produce"] * 3
    exactly(fleet, 70, batch)


def test_a_lane_whose_next_job_was_lost_is_taken_up(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(production_work, "STEPS", 1)
    batch = generate(fleet, 40)
    job = work.take()
    assert job is not None
    work.work(job)
    work.lose()
    clock.advance(production.TAKEN_UP_AFTER / 1000)
    assert production_work.sweep() == 1
    work.run()
    exactly(fleet, 40, batch)


def test_a_random_number_and_a_mac_address_that_are_taken_are_drawn_again(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = generate(fleet, 3)
    taken = listed(fleet, batch)[1].device
    drawn = iter([7, 7, 8, 9, *range(100, 200)])
    monkeypatch.setattr(ids, "number", lambda: next(drawn))
    new = NewDevice(
        None, BY_SECRET, product=fleet.product.id, mac_key=registration.derived_mac(taken), name="other"
    )
    other = registration.register(fleet.caller, new).device.device
    work.run()
    assert work.failures == []
    found = devices_of(fleet.product)
    assert len(found) == len({each.mac_key for each in found}) == len({each.number for each in found}) == 4
    assert {each.device for each in found} - {other} == {each.device for each in listed(fleet, batch)}


def test_a_batch_of_a_product_that_is_gone_ends(fleet: Fleet, work: WorkQueue) -> None:
    batch = generate(fleet, 3)
    ProductRecord(fleet.product.id).delete()
    products.forget()
    work.run()
    assert (work.failures, lanes(), listed(fleet, batch)) == ([], [], [])


# names that were uploaded


def test_names_are_uploaded_judged_and_made(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    new = NewDevice("held", BY_SECRET, product=fleet.product.id)
    registration.register(fleet.caller, new)
    calls.clear()
    batch = upload(fleet, "a", "a/b", "b", "held", "a", "")
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert (batch.amount, batch.generated) == (2, False)
    assert {(each.name, each.reason) for each in batch.refused} == {
        ("a/b", Refusal.MALFORMED),
        ("", Refusal.MALFORMED),
        ("a", Refusal.REPEATED),
        ("held", Refusal.TAKEN),
    }
    assert production.get(fleet.caller, batch.id) == batch
    assert certificates.of_batch(fleet.caller, batch.id, 0, 10).total == 0
    assert work.run() == []
    calls.clear()
    assert generate_named(fleet, batch.id) == batch.id
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    work.run()
    shown = listed(fleet, batch.id)
    assert [each.name for each in shown] == ["a", "b"]
    assert [each.state and each.state.node_id for each in shown] == ["a", "b"]
    assert production.get(fleet.caller, batch.id).generated
    Mqtt("b", shown[1].secret, kind=2).connect()


def test_a_thousand_names_cost_ten_reads_and_one_write(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    products.load(fleet.product.id)
    calls.clear()
    names = [f"{'n' * 96}{number:04}" for number in range(production.MOST_NAMES)]
    batch = upload(fleet, *names)
    assert calls.made == [*["dynamodb.BatchGetItem"] * 10, "dynamodb.TransactWriteItems"]
    generate_named(fleet, batch.id)
    work.run()
    assert [each.name for each in listed(fleet, batch.id)] == names
    assert totals(fleet) == (1000, 1000)


@pytest.mark.parametrize("amount", [0, production.MOST_NAMES + 1])
def test_lists_of_a_wrong_length(fleet: Fleet, amount: int) -> None:
    with pytest.raises(InvalidInput, match="names"):
        upload(fleet, *(f"n{number}" for number in range(amount)))


def test_a_batch_is_generated_once(fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = upload(fleet, "a", "b").id
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: generate_named(fleet, batch))
    with pytest.raises(BatchGenerated):
        generate_named(fleet, batch)  # the other was quicker
    with pytest.raises(BatchGenerated):
        generate_named(fleet, batch)
    work.run()
    exactly(fleet, 2, batch)


def test_no_valid_name_and_no_batch_of_names(fleet: Fleet) -> None:
    with pytest.raises(NoValidName):
        generate_named(fleet, upload(fleet, "a b").id)
    other = release(make_product(fleet.tenant, model="other")).id
    for product, batch in (
        (other, upload(fleet, "a").id),
        (fleet.product.id, generate(fleet, 1)),
        (fleet.product.id, ids.ordered_id()),
    ):
        with pytest.raises(BatchNotFound):
            production.generate_named(fleet.caller, product, batch)


def test_names_that_others_get_first_are_skipped_and_the_total_says_so(fleet: Fleet, work: WorkQueue) -> None:
    batch = upload(fleet, *(f"n{number}" for number in range(40))).id
    for name in ("n3", "n20", "n21"):
        registration.register(fleet.caller, NewDevice(name, BY_SECRET, product=fleet.product.id))
    generate_named(fleet, batch)
    assert certificates.of_batch(fleet.caller, batch, 0, 10).total == 40
    work.run()
    page = certificates.of_batch(fleet.caller, batch, 0, 100)
    assert (len(page.items), page.total) == (37, 37)
    assert not {each.name for each in page.items} & {"n3", "n20", "n21"}
    assert totals(fleet) == (40, 40)


def test_all_names_of_a_step_taken(fleet: Fleet, work: WorkQueue) -> None:
    batch = upload(fleet, "a", "b").id
    for name in ("a", "b"):
        registration.register(fleet.caller, NewDevice(name, BY_SECRET, product=fleet.product.id))
    generate_named(fleet, batch)
    work.run()
    assert work.failures == []
    assert certificates.of_batch(fleet.caller, batch, 0, 10) == Part([], 0)
    assert totals(fleet) == (2, 2)


def test_a_name_whose_registration_is_over_is_free(fleet: Fleet, work: WorkQueue, clock: FakeClock) -> None:
    batch = upload(fleet, "a").id
    registration.register(fleet.caller, NewDevice("a", BY_SECRET, product=fleet.product.id, timeout=10))
    generate_named(fleet, batch)
    clock.advance(11)
    work.run()
    assert [each.name for each in listed(fleet, batch)] == ["a"]


# gateways with what is behind them


@pytest.mark.parametrize("children", [0, 3, 15, 16, 40])
def test_gateways_are_made_with_what_is_behind_them(fleet: Fleet, work: WorkQueue, children: int) -> None:
    product = recorder(fleet, children)
    batch = production.generate_gateways(fleet.caller, product.id, 5)
    before = certificates.of_gateways(fleet.caller, product.id, batch, 0, 10)
    work.run()
    assert work.failures == []
    page = certificates.of_gateways(fleet.caller, product.id, batch, 0, 10)
    assert page.total == before.total == 5
    for was, item in zip(before.items, page.items, strict=True):
        assert item.gateway.secret == was.gateway.secret
        assert [each.device for each in item.children] == [each.device for each in was.children]
        assert item.gateway.product == product.id
        assert item.gateway.state is not None
        assert item.gateway.state.gateway == item.gateway.device
        assert len(item.children) == children
        for child in item.children:
            assert child.product == fleet.product.id
            assert child.state is not None
            assert child.state.gateway == item.gateway.device
    name = registration.total_name
    assert counters.total(name(fleet.application)) == 5 * (1 + children)
    assert counters.total(name(fleet.application, product.id)) == len(devices_of(product)) == 5
    assert counters.total(name(fleet.application, fleet.product.id)) == 5 * children


def test_gateways_without_a_product_behind_them(fleet: Fleet, work: WorkQueue) -> None:
    product = release(make_product(fleet.tenant, NodeType.GATEWAY, model="bare"))
    batch = production.generate_gateways(fleet.caller, product.id, 2)
    work.run()
    page = certificates.of_gateways(fleet.caller, product.id, batch, 0, 10)
    assert [each.children for each in page.items] == [[], []]


def test_the_most_gateways_with_many_behind_them_are_one_transaction(
    fleet: Fleet, calls: Calls, work: WorkQueue
) -> None:
    product = recorder(fleet, 64)
    products.load(product.id)
    products.load(fleet.product.id)
    calls.clear()
    batch = production.generate_gateways(fleet.caller, product.id, production.MOST)
    assert calls.made == ["dynamodb.TransactWriteItems", *["sqs.SendMessageBatch"] * 5]
    assert max(int(lane.end) for lane in lanes()) == 650_000
    calls.clear()
    page = certificates.of_gateways(fleet.caller, product.id, batch, 9_980, 20)
    assert len(page.items) == 20
    assert calls.made == ["dynamodb.GetItem", *["dynamodb.BatchGetItem"] * 27]


def test_pages_of_gateways(fleet: Fleet, work: WorkQueue) -> None:
    product = recorder(fleet, 2)
    batch = production.generate_gateways(fleet.caller, product.id, 7)
    work.run()

    def page(offset: int, limit: int) -> list[str]:
        found = certificates.of_gateways(fleet.caller, product.id, batch, offset, limit)
        return [each.gateway.device for each in found.items]

    everything = page(0, 20)
    assert page(3, 2) == everything[3:5]
    assert page(6, 20) == everything[6:]
    assert page(7, 20) == page(100, 20) == []


def test_what_is_no_gateway_and_no_batch_of_gateways(fleet: Fleet) -> None:
    with pytest.raises(InvalidInput):
        production.generate_gateways(fleet.caller, fleet.product.id, 2)
    nested = recorder(fleet, 2, release(make_product(fleet.tenant, NodeType.GATEWAY, model="g")))
    with pytest.raises(InvalidInput):
        production.generate_gateways(fleet.caller, nested.id, 2)
    product = recorder_like(fleet)
    batch = production.generate_gateways(fleet.caller, product.id, 2)
    for named, asked in ((fleet.product.id, batch), (fleet.product.id, generate(fleet, 1))):
        with pytest.raises(BatchNotFound):
            certificates.of_gateways(fleet.caller, named, asked, 0, 10)


def recorder_like(fleet: Fleet) -> Product:
    return release(make_product(fleet.tenant, NodeType.GATEWAY, model="second"))


def test_the_job_is_known_to_the_queue() -> None:
    assert handler.JOBS[production.PRODUCE] == ("production_work", "perform")
