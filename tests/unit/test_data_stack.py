"""The models and infra/data.yaml name the same tables, keys, indexes and projections."""

import importlib
import pkgutil
from typing import Any

import pytest

import chalicelib.store
from chalicelib.store.base import Record
from infra.local.template import DATA, resources

PREFIX = "polything-test"


def models() -> dict[str, list[type[Record]]]:
    for module in pkgutil.iter_modules(chalicelib.store.__path__):
        importlib.import_module(f"chalicelib.store.{module.name}")
    found: dict[str, list[type[Record]]] = {}
    for model in _subclasses(Record):
        found.setdefault(model.Meta.table_name.removeprefix(f"{PREFIX}-"), []).append(model)
    return found


def _subclasses(model: type[Record]) -> list[type[Record]]:
    below = model.__subclasses__()
    return [*below, *(each for one in below for each in _subclasses(one))]


def tables() -> dict[str, dict[str, Any]]:
    described = [
        each.properties for each in resources(DATA, Prefix=PREFIX) if each.type == "AWS::DynamoDB::Table"
    ]
    return {properties["TableName"].removeprefix(f"{PREFIX}-"): properties for properties in described}


def test_every_table_has_a_model_and_every_model_a_table() -> None:
    assert set(models()) == set(tables())


@pytest.mark.parametrize("name", sorted(tables()))
def test_keys_and_indexes_agree(name: str) -> None:
    table = tables()[name]
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    declared: dict[str, Any] = {}
    for model in models()[name]:
        hash_and_range = [model._hash_keyname, model._range_keyname]
        assert [each for each in hash_and_range if each] == keys
        declared |= model._indexes
    assert set(declared) == set(indexes)
    for index_name, index in declared.items():
        wanted = indexes[index_name]
        schema = {key["AttributeName"]: key["KeyType"] for key in index._get_schema()["key_schema"]}
        assert schema == {key["AttributeName"]: key["KeyType"] for key in wanted["KeySchema"]}
        projection = index.Meta.projection
        assert projection.projection_type == wanted["Projection"]["ProjectionType"]
        assert (projection.non_key_attributes or []) == wanted["Projection"].get("NonKeyAttributes", [])


def test_no_item_of_the_devices_table_uses_an_index_key_for_something_else() -> None:
    """DynamoDB refuses an item whose attribute has not the type of the index key of that name."""
    table = tables()["devices"]
    key_types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    for model in models()["devices"]:
        for attribute_name, attribute in model.get_attributes().items():
            if attribute_name in key_types:
                assert attribute.attr_type == key_types[attribute_name], (model, attribute_name)


def test_an_index_of_the_devices_table_carries_the_kind_it_is_filtered_by() -> None:
    """PynamoDB filters by it, and DynamoDB matches nothing on an attribute that an index lacks."""
    for index in tables()["devices"]["GlobalSecondaryIndexes"]:
        assert "kind" in index["Projection"]["NonKeyAttributes"]
