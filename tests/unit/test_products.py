"""Products: their ids elsewhere, their key, and changes of the model."""

import pytest

from chalicelib.core import applications, ids, points, products
from chalicelib.core.errors import Busy, InvalidInput, ProductNotFound
from chalicelib.core.things import ThingModel
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_fleet
from tests.support.process import forget_everything


@pytest.fixture
def home(aws: None) -> Fleet:
    return make_fleet()


def test_it_is_found_by_each_of_its_ids(home: Fleet) -> None:
    product = home.product
    assert len(product.short_id or "") == 10
    assert 0 < (product.number or 0) < 2**31
    assert products.find_by_short_id(home.tenant, product.short_id or "") == product
    assert products.find_by_number(home.tenant, product.number or 0) == product


def test_another_tenants_is_absent(home: Fleet) -> None:
    other = applications.create_tenant("other").id
    for number, short_id in ((home.product.number or 0, home.product.short_id or ""), (1, "x" * 10)):
        with pytest.raises(ProductNotFound):
            products.find_by_number(other, number)
        with pytest.raises(ProductNotFound):
            products.find_by_short_id(other, short_id)


def test_its_key_is_stored_encrypted(home: Fleet) -> None:
    key = products.key_of(home.product)
    assert len(key) == 16
    record = ProductRecord.find(home.product.id)
    assert record is not None
    assert key not in str(record.serialize())


def test_ids_that_are_taken_are_drawn_again(home: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([home.product.number, 4711])
    monkeypatch.setattr(ids, "number", lambda: next(drawn))
    assert products.create(home.tenant, "second", ThingModel()).number == 4711


def test_ids_that_stay_taken_are_an_error_and_nothing_is_made(
    home: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids, "number", lambda: home.product.number)
    with pytest.raises(Busy):
        products.create(home.tenant, "second", ThingModel())
    assert products.list_products(home.tenant) == [home.product]


def test_one_call_makes_one(home: Fleet, calls: Calls) -> None:
    calls.clear()
    products.create(home.tenant, "second", ThingModel())
    assert calls.made == ["dynamodb.TransactWriteItems"]


def test_an_edit_that_was_overtaken_is_made_anew(home: Fleet) -> None:
    seen: list[int] = []

    def drop_first(_product: products.Product, model: ThingModel) -> ThingModel:
        seen.append(len(points.points(model)))
        if len(seen) == 1:  # somebody else is faster
            products.set_model(home.tenant, home.product.id, ThingModel(model.services[:1]))
            ProductRecord(home.product.id).update([ProductRecord.modified.set(1)])
        return ThingModel()

    changed = products.edit_model(home.tenant, home.product.id, drop_first)
    assert products.model_of(changed) == ThingModel()
    assert len(seen) == 2


def test_an_edit_may_refuse(home: Fleet) -> None:
    def refuse(_product: products.Product, _model: ThingModel) -> ThingModel:
        raise InvalidInput("index", "no")

    with pytest.raises(InvalidInput):
        products.edit_model(home.tenant, home.product.id, refuse)
    forget_everything()
    assert products.get(home.tenant, home.product.id).things == home.product.things
