"""Data points: flat names of properties, and numbers that stay."""

from typing import Any

import pytest

from chalicelib.core import points, products
from chalicelib.core.errors import InvalidInput
from chalicelib.core.points import key_of, numbered, place
from chalicelib.core.things import DataType, Property, Service, ThingModel
from tests.support.fleet import make_fleet


def prop(name: str, **more: Any) -> Property:
    return Property(name=name, data_type=DataType.INT, **more)


def model(**services: list[str]) -> ThingModel:
    """Keyword `_` is the service without a name."""
    return ThingModel(
        tuple(
            Service(id="" if name == "_" else name, properties=tuple(map(prop, names)))
            for name, names in services.items()
        )
    )


MIXED = model(_=["level", "mode"], Meter=["level", "flow"], Valve=["open", "flow"])


def numbers(given: ThingModel) -> dict[str, tuple[int | None, str | None]]:
    return {each.key: (each.property.index, each.property.ref) for each in points.points(given)}


def test_a_name_that_one_service_has_is_the_key() -> None:
    assert [each.key for each in points.points(MIXED)] == [
        "level",
        "mode",
        "Meter.level",
        "Meter.flow",
        "open",
        "Valve.flow",
    ]


def test_every_key_leads_back() -> None:
    for each in points.points(MIXED):
        assert key_of(MIXED, each.service, each.property.name) == each.key
        assert place(MIXED, each.key) == (each.service, each.property.name)


def test_the_long_form_is_understood_where_the_short_one_is_the_key() -> None:
    assert place(MIXED, "Valve.open") == ("Valve", "open")


def test_what_the_model_does_not_know_is_nobodys() -> None:
    assert place(MIXED, "unknown") == ("", "unknown")
    assert place(MIXED, "Pump.open") == ("", "Pump.open")
    assert place(MIXED, "Meter.unknown") == ("Meter", "unknown")
    assert key_of(MIXED, "Meter", "unknown") == "Meter.unknown"
    assert key_of(MIXED, "Meter", "open") == "Meter.open", "open is the valve's"
    assert place(MIXED, "Meter.open") == ("Meter", "open")


def test_a_service_with_a_dot_in_its_name_is_found() -> None:
    dotted = model(**{"a.b": ["x"], "c": ["x"]})
    assert place(dotted, "a.b.x") == ("a.b", "x")
    assert key_of(dotted, "a.b", "x") == "a.b.x"


def test_without_a_model_the_services_that_are_known_count() -> None:
    free = ThingModel()
    assert key_of(free, "", "a.b") == "a.b"
    assert key_of(free, "Any", "x") == "Any.x"
    assert place(free, "Any.x", {"Any", ""}) == ("Any", "x")
    assert place(free, "Any.x", {""}) == ("", "Any.x")


def test_numbers_are_the_lowest_that_are_free() -> None:
    given = ThingModel((Service(id="", properties=(prop("a"), prop("b", index=0), prop("c"))),))
    assert {key: index for key, (index, _) in numbers(numbered(given)).items()} == {"a": 1, "b": 0, "c": 2}


def test_numbers_stay_whatever_comes_and_goes() -> None:
    first = numbered(model(Meter=["a", "b", "c"]))
    second = numbered(model(Meter=["new", "c", "a"], Valve=["b"]), first)
    before, after = numbers(first), numbers(second)
    assert {key: after[key] for key in ("a", "c")} == {key: before[key] for key in ("a", "c")}
    assert after["b"][1] != before["b"][1], "another service's property is another point"
    assert len({index for index, _ in after.values()}) == 4


def test_numbering_again_changes_nothing() -> None:
    once = numbered(MIXED)
    assert numbered(once) == once
    assert numbered(MIXED, once) == once


def test_a_number_is_given_once() -> None:
    twice = ThingModel((Service(id="", properties=(prop("a", index=7), prop("b", index=7))),))
    with pytest.raises(InvalidInput, match="index 7"):
        numbered(twice)
    refs = ThingModel((Service(id="", properties=(prop("a", ref="x"), prop("b", ref="x"))),))
    with pytest.raises(InvalidInput, match="id x"):
        numbered(refs)


def test_a_number_taken_over_is_not_kept() -> None:
    before = numbered(model(_=["a"]))
    after = numbered(ThingModel((Service(id="", properties=(prop("b", index=0), prop("a"))),)), before)
    assert {key: index for key, (index, _) in numbers(after).items()} == {"b": 0, "a": 1}


def test_a_product_keeps_the_numbers_of_its_properties(aws: None) -> None:
    home = make_fleet()
    first = numbers(products.model_of(home.product))
    changed = products.set_model(home.tenant, home.product.id, model(Meter=["flow", "extra", "level"]))
    after = numbers(products.model_of(changed))
    assert {key: after[key] for key in first} == first
    assert after["extra"][0] == 2
