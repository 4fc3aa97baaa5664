"""Thing models from and to the files of vendors: what comes back, what is lost, what is refused."""

import json
from typing import Any

import pytest

from chalicelib.core import points, things
from chalicelib.core.errors import InvalidInput
from chalicelib.core.products import Facts
from chalicelib.core.things import (
    Command,
    DataType,
    Event,
    Parameter,
    Property,
    Response,
    Service,
    ThingModel,
)
from chalicelib.formats import feiyan_tsl, huawei_profile, models, xlink_points
from chalicelib.formats.models import Format
from tests.support.fleet import METER, make_fleet

INT = {"type": "int", "specs": {"min": "0", "max": "100", "step": "1", "unit": "%", "unitName": "percent"}}
TSL: dict[str, Any] = {
    "schema": "https://iotx-tsl.oss-ap-southeast-1.aliyuncs.com/schema.json",
    "profile": {"productKey": "a1b2"},
    "properties": [
        {"identifier": "level", "name": "Fill", "accessMode": "rw", "required": True, "dataType": INT},
        {"identifier": "flow", "name": "flow", "accessMode": "r", "dataType": {"type": "float", "specs": {}}},
        {
            "identifier": "mode",
            "accessMode": "rw",
            "dataType": {"type": "enum", "specs": {"0": "off", "1": "eco"}},
        },
        {
            "identifier": "power",
            "accessMode": "w",
            "dataType": {"type": "bool", "specs": {"0": "closed", "1": "open"}},
        },
        {
            "identifier": "label",
            "accessMode": "rw",
            "dataType": {"type": "text", "specs": {"length": "255"}},
        },
        {"identifier": "since", "accessMode": "r", "dataType": {"type": "date", "specs": {}}},
        {
            "identifier": "place",
            "accessMode": "r",
            "dataType": {
                "type": "struct",
                "specs": [
                    {"identifier": "lat", "name": "lat", "dataType": {"type": "double", "specs": {}}},
                    {"identifier": "lon", "name": "lon", "dataType": {"type": "double", "specs": {}}},
                ],
            },
        },
        {
            "identifier": "levels",
            "accessMode": "r",
            "dataType": {"type": "array", "specs": {"size": "8", "item": {"type": "int"}}},
        },
    ],
    "events": [
        {"identifier": "post", "type": "info", "method": "thing.event.property.post", "outputData": []},
        {
            "identifier": "leak",
            "name": "Leak",
            "type": "alert",
            "method": "thing.event.leak.post",
            "outputData": [{"identifier": "where", "dataType": {"type": "text", "specs": {"length": 8}}}],
        },
    ],
    "services": [
        {"identifier": "get", "method": "thing.service.property.get", "inputData": ["level"]},
        {
            "identifier": "flush",
            "name": "Flush",
            "desc": "let it out",
            "callType": "sync",
            "method": "thing.service.flush",
            "inputData": [{"identifier": "seconds", "dataType": INT}],
            "outputData": [{"identifier": "litres", "dataType": {"type": "double", "specs": {}}}],
        },
    ],
    "functionBlocks": [
        {
            "functionBlockId": "pump",
            "functionBlockName": "Pump",
            "properties": [{"identifier": "level", "accessMode": "r", "dataType": INT}],
        }
    ],
}


def tsl(**changes: Any) -> bytes:
    return json.dumps(TSL | changes).encode()


def prop(data_type: Any, **more: Any) -> bytes:
    return tsl(properties=[{"identifier": "x", "dataType": data_type, **more}])


def test_a_tsl_becomes_a_model() -> None:
    model = feiyan_tsl.read(tsl())
    bare, pump = model.services
    assert (bare.id, pump.id, pump.description) == ("", "pump", "Pump")
    level = bare.property("level")
    assert level == Property(
        "level",
        DataType.INT32,
        required=True,
        min="0",
        max="100",
        step=1,
        unit="%",
        description="Fill",
        method="RWE",
    )
    found = {each.name: each for each in bare.properties}
    assert found["mode"].enum_list == ("0", "1")
    assert found["mode"].labels == ("off", "eco")
    assert (found["power"].labels, found["power"].method) == (("closed", "open"), "W")
    assert (found["label"].max_length, found["levels"].max_length) == (255, 8)
    assert [each.name for each in found["place"].fields] == ["lat", "lon"]
    assert found["levels"].element == Parameter("item", DataType.INT32)
    assert (found["since"].data_type, found["flow"].description) == (DataType.DATE, None)
    (leak,) = bare.events
    assert (leak.name, leak.type, leak.description) == ("leak", "alert", "Leak")
    (flush,) = bare.commands
    assert (flush.name, flush.description, flush.responses[0].name) == ("flush", "let it out", "reply")


def test_what_was_read_is_written_and_read_the_same() -> None:
    model = feiyan_tsl.read(tsl())
    written = feiyan_tsl.write(model, "a1b2")
    assert written["profile"]["productKey"] == "a1b2"
    assert feiyan_tsl.read(json.dumps(written).encode()) == model
    methods = [each["method"] for each in written["services"]]
    assert methods == ["thing.service.property.set", "thing.service.property.get", "thing.service.flush"]
    assert written["services"][1]["inputData"] == [each["identifier"] for each in TSL["properties"]]
    assert [each["identifier"] for each in written["services"][0]["inputData"]] == [
        "level",
        "mode",
        "power",
        "label",
    ]
    kinds = {each["identifier"]: each["dataType"] for each in written["properties"]}
    assert kinds["mode"] == {"type": "enum", "specs": {"0": "off", "1": "eco"}}
    assert kinds["label"] == {"type": "text", "specs": {"length": "255"}}
    assert kinds["level"]["specs"] == {"min": "0", "max": "100", "step": "1", "unit": "%", "unitName": "%"}


def test_commands_may_be_named_as_the_clouds_own() -> None:
    model = ThingModel((Service("", commands=(Command("set"), Command("get")), events=(Event("post"),)),))
    again = feiyan_tsl.read(json.dumps(feiyan_tsl.write(model)).encode())
    assert [each.name for each in again.services[0].commands] == ["set", "get"]
    assert [each.name for each in again.services[0].events] == ["post"]


@pytest.mark.parametrize("kind", list(DataType))
def test_every_type_has_a_spelling(kind: DataType) -> None:
    made = Property("x", kind, method="R", enum_list=("0",) if kind is DataType.ENUM else None)
    model = ThingModel((Service("", properties=(made,)),))
    written = feiyan_tsl.write(model)
    (again,) = feiyan_tsl.read(json.dumps(written).encode()).services[0].properties
    assert feiyan_tsl.SPELLINGS[again.data_type] == feiyan_tsl.SPELLINGS[kind]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"[]", ""),
        (b"{", ""),
        (b'{"properties": 5}', "properties"),
        (prop({"type": "quaternion"}), "x.dataType.type"),
        (prop(INT, accessMode="x"), "x.accessMode"),
        (prop({"type": "int", "specs": {"min": "low"}}), ".x.min"),
        (prop({"type": "int", "specs": {"step": "x"}}), "x.dataType.specs.step"),
        (prop({"type": "text", "specs": {"length": "-1"}}), "x.dataType.specs.length"),
        (prop({"type": "text", "specs": {"length": "٣"}}), "x.dataType.specs.length"),
        (prop({"type": "array", "specs": {}}), "x.dataType.specs.item"),
        (prop({"type": "struct", "specs": [{"identifier": "y"}]}), "x.dataType.specs[0].dataType"),
        (prop({"type": "enum", "specs": {"0": 5}}), "x.dataType.specs[]"),
        (tsl(events=[{"identifier": "e", "type": "loud"}]), "e.type"),
        (tsl(services=[{"identifier": "s", "inputData": ["x"]}]), "s"),
        (tsl(properties=[TSL["properties"][0]] * 2), "level"),
    ],
)
def test_what_is_no_tsl_names_the_field(data: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        feiyan_tsl.read(data)
    assert field in refused.value.field


def test_what_nests_too_deep_is_refused() -> None:
    kind: dict[str, Any] = {"type": "int"}
    for _ in range(20):
        kind = {"type": "array", "specs": {"item": kind}}
    with pytest.raises(InvalidInput, match="deeper"):
        feiyan_tsl.read(prop(kind))


def test_a_profile_is_written_as_it_was_read() -> None:
    read = huawei_profile.read(json.dumps(METER).encode())
    written = huawei_profile.write(read.facts, read.things)
    assert huawei_profile.read(json.dumps(written).encode()) == read
    assert written["devices"][0]["model"] == "M1"


def test_services_of_one_type_that_differ_are_kept_apart() -> None:
    level = (Property("level", DataType.INT, method="R"),)
    model = ThingModel(
        (
            Service("one", "Meter", properties=level),
            Service("two", "Meter", properties=level),
            Service("odd", "Meter"),
        )
    )
    written = huawei_profile.write(Facts("a", "b", "c", "d", "e"), model)
    assert [each["serviceType"] for each in written["services"]] == ["Meter", "odd"]
    again = huawei_profile.read(json.dumps(written).encode()).things
    assert [len(each.properties) for each in again.services] == [1, 1, 0]


def test_a_nameless_service_has_a_name_in_a_profile() -> None:
    model = ThingModel((Service("", properties=(Property("level", DataType.INT, method="R"),)),))
    written = huawei_profile.write(Facts("a", "b", "c", "d", "e"), model)
    assert huawei_profile.read(json.dumps(written).encode()).things.services[0].id == huawei_profile.NAMELESS


POINTS = [
    {"name": "level", "type": 4, "index": 3, "description": "d", "symbol": "%", "is_collect": True},
    {"name": "on", "type": 1, "index": 0},
]


def test_points_become_the_nameless_service_and_come_back() -> None:
    model = xlink_points.read(json.dumps(POINTS).encode())
    (service,) = model.services
    assert (service.id, [each.name for each in service.properties]) == ("", ["level", "on"])
    level = service.properties[0]
    assert (level.data_type, level.index, level.unit, level.collect) == (DataType.INT32, 3, "%", True)
    written = xlink_points.write(model)
    assert [each.name for each in written] == ["on", "level"]
    again = xlink_points.read(json.dumps([json_of(each) for each in written]).encode())
    assert xlink_points.write(again) == written
    assert len(points.points(again)) == 2


def json_of(point: xlink_points.Point) -> dict[str, Any]:
    return {name: getattr(point, name) for name in point.__struct_fields__}


@pytest.mark.parametrize(
    "data",
    [b"{}", b"{", b"[1]", b'[{"name": "", "type": 1}]', b'[{"name": "x", "type": 7}]', b'[{"name": "x"}]'],
)
def test_what_are_no_points(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        xlink_points.read(data)


def test_two_points_with_one_name_or_index() -> None:
    for other in ({"name": "level", "type": 1}, {"name": "x", "type": 1, "index": 3}):
        with pytest.raises(InvalidInput):
            xlink_points.read(json.dumps([POINTS[0], other]).encode())


@pytest.mark.parametrize("kind", list(Format))
def test_every_format_reads_what_it_writes(aws: None, kind: Format) -> None:
    product = make_fleet().product
    model = things.decode(product.things)
    text = json.dumps(models.write(kind, product, model)).encode()
    again = models.read(kind, text)
    assert without_ids(models.write(kind, product, again.things)) == without_ids(json.loads(text))
    if kind is Format.POLYTHING:
        assert again.things == model
    if kind is Format.HUAWEI:
        assert again.facts.model == "M1"


def without_ids(written: Any) -> Any:
    """A point's id follows from its service, which a list of points does not tell."""
    return [each | {"id": ""} for each in written] if isinstance(written, list) else written


def test_a_model_that_is_no_text() -> None:
    with pytest.raises(InvalidInput):
        models.read(Format.POLYTHING, b"\xff")


def test_responses_beyond_the_first_are_lost_in_a_tsl() -> None:
    answer = Parameter("code", DataType.INT)
    command = Command("run", responses=(Response("OK", (answer,)), Response("BAD")))
    model = ThingModel((Service("", commands=(command,)),))
    (again,) = feiyan_tsl.read(json.dumps(feiyan_tsl.write(model)).encode()).services[0].commands
    assert [each.name for each in again.responses] == ["reply"]
