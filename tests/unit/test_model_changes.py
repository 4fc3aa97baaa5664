"""What a thing model gains, changes and loses, and who is told of it."""

import json

import pytest

from chalicelib.core import applications, events, fanout, model_changes, products
from chalicelib.core.errors import Busy, ProductNotFound
from chalicelib.core.model_changes import ModelChange
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def model(**services: str) -> ThingModel:
    """Services with one property each."""
    made = (
        Service(id=name, properties=(Property(name=prop, data_type=DataType.INT),))
        for name, prop in services.items()
    )
    return ThingModel(tuple(made))


def told(fleet: Fleet) -> list[dict[str, list[str]]]:
    return [json.loads(each.data)["services"] for each in EventRecord.query(fleet.product.id)]


def test_services_are_compared_by_id_whatever_their_order() -> None:
    before, after = model(a="x", b="x", c="x"), model(d="x", b="x", a="y")
    assert model_changes.compare(before, after) == ModelChange(("d",), ("a",), ("c",))
    assert model_changes.compare(before, model(c="x", b="x", a="x")) == model_changes.UNCHANGED


def test_a_new_product_and_each_change_of_its_model_are_told_with_it(fleet: Fleet) -> None:
    products.set_model(fleet.tenant, fleet.product.id, model(Meter="level", Lamp="on"))
    products.set_model(fleet.tenant, fleet.product.id, model(Lamp="on"))
    products.set_model(fleet.tenant, fleet.product.id, model(Lamp="on"))
    kinds = [{kind: names for kind, names in each.items() if names} for each in told(fleet)]
    assert sorted(kinds, key=str) == sorted(
        [{"added": ["Meter"]}, {"added": ["Lamp"], "changed": ["Meter"]}, {"deleted": ["Meter"]}], key=str
    )


def test_a_product_without_a_model_tells_nothing(fleet: Fleet) -> None:
    made = products.create(fleet.tenant, "bare", ThingModel())
    assert list(EventRecord.query(made.id)) == []


def test_a_change_overtaken_by_another_is_compared_anew(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, product = model_changes.compare, fleet.product.id

    def overtaken(before: ThingModel, after: ThingModel) -> ModelChange:
        monkeypatch.setattr(model_changes, "compare", compare)
        products.set_model(fleet.tenant, product, model(Lamp="on"))
        return compare(before, after)

    monkeypatch.setattr(model_changes, "compare", overtaken)
    products.set_model(fleet.tenant, product, model(Lamp="off"))
    assert {"added": [], "changed": ["Lamp"], "deleted": []} in told(fleet)
    stored = products.model_of(products.get(fleet.tenant, product))
    assert [each.name for each in stored.services[0].properties] == ["off"]


def test_who_is_overtaken_for_ever_is_told_so(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    product, compare = fleet.product.id, model_changes.compare

    def overtaken(before: ThingModel, after: ThingModel) -> ModelChange:
        ProductRecord(product).update([ProductRecord.modified.add(1)])
        return compare(before, after)

    monkeypatch.setattr(model_changes, "compare", overtaken)
    with pytest.raises(Busy):
        products.set_model(fleet.tenant, product, model(Lamp="off"))
    assert len(told(fleet)) == 1


def test_another_tenants_model_is_not_changed(fleet: Fleet) -> None:
    with pytest.raises(ProductNotFound):
        products.set_model(make_fleet("other").tenant, fleet.product.id, model(Lamp="on"))


def test_every_application_of_the_tenant_hears_of_it_and_no_other(fleet: Fleet, calls: Calls) -> None:
    second = applications.create_application(fleet.tenant, "second")[0].id
    make_fleet("other")
    [record] = EventRecord.query(fleet.product.id)
    calls.clear()
    heard = fanout.audience(events.read(record))
    assert {each.owner for each in heard} == {fleet.application, second}
    assert {each.id for each in heard} == {record.event}
    assert calls.made == ["dynamodb.Query"]
