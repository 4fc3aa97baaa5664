"""The thing model and the judging of values against it."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core import things
from chalicelib.core.errors import (
    CommandTypeNotFound,
    InvalidInput,
    PropertyNotWritable,
    ServiceNotFound,
)
from chalicelib.core.thing_values import check_command, check_desired, check_report, value_problem
from chalicelib.core.things import (
    Command,
    DataType,
    Event,
    Field,
    Option,
    Parameter,
    Property,
    Response,
    Service,
    ThingModel,
)

# Hypothesis must not judge by the clock: the first text it draws loads the Unicode tables
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

METER = ThingModel(
    (
        Service(
            "Meter",
            type="WaterMeter",
            option=Option.MASTER,
            properties=(
                Property("flow", DataType.INT, min="0", max="999999", method="RE"),
                Property("voltage", DataType.DECIMAL, min="0", max="10.5", method="R"),
                Property("period", DataType.INT, min="1", max="24", method="RW"),
                Property("mode", DataType.STRING, enum_list=("OPEN", "CLOSE"), method="RWE"),
                Property("note", DataType.STRING, max_length=5, method="W"),
                Property("free", DataType.OBJECT),
            ),
            commands=(
                Command(
                    "LEVEL",
                    parameters=(
                        Parameter("value", DataType.INT, required=True, min="0", max="100"),
                        Parameter("label", DataType.STRING, max_length=4),
                    ),
                    responses=(Response("LEVEL_RSP", (Parameter("result", DataType.INT),)),),
                ),
                Command("RESET"),
            ),
        ),
        Service("Battery", properties=(Property("batteryLevel", DataType.INT, max="100", min="0"),)),
    )
)
ANYTHING = ThingModel()


def problems(values: dict[str, Any], model: ThingModel = METER, service: str = "Meter") -> dict[str, str]:
    return {each.field: each.reason for each in check_report(model, service, values).problems}


def one(data_type: DataType, value: object, **facts: Any) -> str | None:
    found = value_problem(Field("x", data_type, **facts), value, "x")
    return found.reason if found else None


class TestLookUp:
    def test_finds_by_name(self) -> None:
        service = METER.service("Meter")
        assert service is not None
        assert service.property("flow") is service.properties[0]
        assert service.command("RESET") is service.commands[1]

    def test_absent_is_none(self) -> None:
        service = METER.service("Battery")
        assert service is not None
        assert METER.service("battery") is None
        assert service.property("flow") is None
        assert service.command("LEVEL") is None

    def test_look_ups_leave_the_model_equal(self) -> None:
        assert METER.service("Meter") is not None
        assert things.decode(things.encode(METER)) == METER


class TestBounds:
    def test_text_stays_and_compares_as_a_number(self) -> None:
        field = Field("x", DataType.DECIMAL, min="0", max="65535.0")
        assert (field.min, field.max) == ("0", "65535.0")
        assert field.bounds == (0, 65535)

    @pytest.mark.parametrize(("low", "high"), [("0", "0"), ("0.0", "0"), (None, None), ("", "")])
    def test_no_range(self, low: str | None, high: str | None) -> None:
        assert Field("x", DataType.INT, min=low, max=high).bounds == (None, None)

    def test_one_side(self) -> None:
        assert Field("x", DataType.INT, min="-5").bounds == (-5, None)

    def test_equal_bounds_beside_zero_are_a_range(self) -> None:
        assert one(DataType.INT, 4, min="3", max="3") == "is above 3"


class TestNumber:
    @pytest.mark.parametrize("value", [5, "5", 5.0, "5.0", "0.5e1", "-0"])
    def test_numbers(self, value: object) -> None:
        assert things.number(value) in (5, 0)

    @pytest.mark.parametrize(
        "value",
        [
            *(True, False, None, [], {}, b"5", math.nan, math.inf, 10**400),
            *("", " 5", "5 ", "+5", "1_0", "0x5", "nan", "Infinity", ".5", "5.", "1e99999", "٥", "9" * 401),
        ],
    )
    def test_no_numbers(self, value: object) -> None:
        assert things.number(value) is None

    @unhurried
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_floats_are_exact_to_their_text(self, value: float) -> None:
        assert things.number(value) == Decimal(str(value)) == things.number(str(value))


class TestStore:
    def test_text_leaves_defaults_out(self) -> None:
        model = ThingModel((Service("A", properties=(Property("x", DataType.INT),)),))
        assert (
            things.encode(model) == '{"services":[{"id":"A","properties":[{"name":"x","data_type":"int"}]}]}'
        )

    def test_empty_model(self) -> None:
        assert things.decode(things.encode(ANYTHING)) == ANYTHING
        assert ANYTHING.schemaless

    @pytest.mark.parametrize(
        ("model", "field"),
        [
            (ThingModel((Service("A"), Service("A"))), "services.A"),
            (ThingModel((Service("A", properties=(Property("x", DataType.INT),) * 2),)), "A.x"),
            (ThingModel((Service("A", commands=(Command("C"),) * 2),)), "A.C"),
            (ThingModel((Service("A", events=(Event("E"),) * 2),)), "A.E"),
            (ThingModel((Service("A", commands=(Command("C", responses=(Response("R"),) * 2),)),)), "A.C.R"),
            (ThingModel((Service("A", properties=(Property("x", DataType.INT, min="z"),)),)), "A.x.min"),
            (
                ThingModel(
                    (Service("A", events=(Event("E", None, None, (Parameter("x", DataType.BOOL),) * 2),)),)
                ),
                "A.E.x",
            ),
            (
                ThingModel((Service("A", properties=(Property("x", DataType.DECIMAL, min="2", max="1"),)),)),
                "A.x.min",
            ),
            (ThingModel((Service("A", properties=(Property("", DataType.INT),)),)), "model"),
            (ThingModel((Service("A", properties=(Property("x", DataType.INT, method="X"),)),)), "model"),
            (ThingModel((Service("A", properties=(Property("x", DataType.INT, max_length=-1),)),)), "model"),
        ],
    )
    def test_refuses_a_model_that_contradicts_itself(self, model: ThingModel, field: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            things.encode(model)
        assert caught.value.field == field

    def test_text_types_may_have_any_bounds(self) -> None:
        things.encode(
            ThingModel((Service("A", properties=(Property("x", DataType.STRING, min="a", max="A"),)),))
        )

    def test_size_is_bounded(self) -> None:
        services = tuple(Service(f"S{at}", description="é" * 10_000) for at in range(20))
        with pytest.raises(InvalidInput, match="larger"):
            things.encode(ThingModel(services))

    @pytest.mark.parametrize("depth", [9, 200, 5000])
    def test_nesting_is_bounded(self, depth: int) -> None:
        inner = ',"element":{"name":"x","data_type":"array"'
        text = '{"services":[{"id":"A","properties":[{"name":"x","data_type":"array"'
        with pytest.raises(InvalidInput, match="nested"):
            things.decode(text + inner * depth + "}" * depth + "}]}]}")

    @pytest.mark.parametrize(
        "text", ["", "[]", "{", '{"services":[{}]}', '{"services":[{"id":"A","option":"x"}]}']
    )
    def test_refuses_other_text(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="thing model"):
            things.decode(text)


class TestReport:
    def test_keeps_values_as_they_came(self) -> None:
        """The vendor's own example reports numbers as text (Huawei 2.3)."""
        values = {"flow": "565656", "voltage": "3.5", "mode": "OPEN", "free": {"a": [1, None, "x"]}}
        checked = check_report(METER, "Meter", values)
        assert checked.values == values
        assert not checked.problems
        assert checked.service_known

    def test_drops_what_is_wrong_and_keeps_the_rest(self) -> None:
        checked = check_report(METER, "Meter", {"flow": True, "nope": 1, "period": 5})
        assert checked.values == {"period": 5}
        assert [each.field for each in checked.problems] == ["flow", "nope"]

    def test_unknown_service_is_told_apart(self) -> None:
        checked = check_report(METER, "Nope", {"flow": 1})
        assert not checked.service_known
        assert checked.values == {}
        assert not checked.problems

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"flow": -1}, "is below 0"),
            ({"flow": "1000000"}, "is above 999999"),
            ({"flow": 1.5}, "is not an integer"),
            ({"flow": "five"}, "is not an integer"),
            ({"flow": None}, "is not an integer"),
            ({"flow": 2**70}, f"is outside {-(2**63)} to {2**63 - 1}"),
            ({"voltage": 10.51}, "is above 10.5"),
            ({"voltage": math.nan}, "is not a finite number"),
            ({"voltage": math.inf}, "is not a finite number"),
            ({"voltage": "1e999"}, "is not a finite number"),
            ({"voltage": False}, "is not a finite number"),
            ({"mode": "AJAR"}, "is not one of OPEN, CLOSE"),
            ({"mode": 1}, "is not a string"),
            ({"note": "123456"}, "is longer than 5"),
            ({"note": "\ud800"}, "is not valid Unicode"),
            ({"free": "text"}, "is not a JSON object"),
            ({"nope": 1}, "is not in the model"),
        ],
    )
    def test_reasons(self, values: dict[str, Any], reason: str) -> None:
        assert problems(values) == {next(iter(values)): reason}

    def test_integral_fractions_are_integers(self) -> None:
        """Devices that know no integers send 20.0."""
        assert problems({"flow": 20.0, "period": "7.0"}) == {}

    def test_free_json_is_looked_into_for_what_cannot_be_stored(self) -> None:
        assert problems({"free": {"a": [1, math.nan]}}) == {"free.a[1]": "is not a finite number"}
        deep: dict[str, Any] = {}
        for _ in range(50):
            deep = {"a": deep}
        assert set(problems({"free": deep}).values()) == {"is nested deeper than 32"}
        assert problems({"free": {"a": b""}}) == {"free.a": "is not a JSON value"}

    def test_schemaless_takes_everything_json_can_carry(self) -> None:
        values = {"a": 1, "b": None, "c": {"d": [True, "x", 1.5]}}
        assert check_report(ANYTHING, "whatever", values).values == values
        assert problems({"a": math.nan}, ANYTHING, "") == {"a": "is not a finite number"}

    @unhurried
    @given(
        st.dictionaries(
            st.sampled_from(["flow", "voltage", "period", "mode", "note", "free", "nope"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_each_value_is_kept_unchanged_or_listed(self, values: dict[str, Any]) -> None:
        checked = check_report(METER, "Meter", values)
        dropped = {each.field.split(".")[0].split("[")[0] for each in checked.problems}
        assert checked.values.keys() | dropped == values.keys()
        assert not checked.values.keys() & dropped
        assert all(checked.values[name] is values[name] for name in checked.values)


class TestTypes:
    @pytest.mark.parametrize(
        ("data_type", "good", "bad"),
        [
            (DataType.INT, [0, "-5", 2**63 - 1], [True, 2**63, [], "x"]),
            (DataType.INT16, [-32768, 32767], [32768]),
            (DataType.INT32, [-(2**31)], [2**31]),
            (DataType.UINT16, [65535], [-1, 65536]),
            (DataType.UINT32, [2**32 - 1], [2**32]),
            (DataType.BYTE, [0, 255], [256, -1]),
            (DataType.FLOAT, [1, 1.5, "1.5"], [None, "", True]),
            (DataType.DOUBLE, [1e300], ["1e400"]),
            (DataType.STRING, ["", "x"], [1, None, True]),
            (DataType.BYTES, ["00ff"], [1]),
            (DataType.DATETIME, ["20160503T121540Z", "2016-05-03T12:15:40+08:00"], ["yesterday", 5]),
            (DataType.DATE, ["1462277740000", 1462277740000], ["2016", 1.5, "x", 2**70][1:]),
            (DataType.BOOL, [True, False, 0, 1], [2, "true", None, 1.0]),
            (DataType.ENUM, ["a", 1], [True, None, 1.5, 10**5000]),
            (DataType.OBJECT, [{}, []], ["{}", 1, None]),
            (DataType.STRUCT, [{"a": 1}], [[], "x"]),
            (DataType.ARRAY, [[], [1, "x"]], [{}, "x"]),
        ],
    )
    def test_values(self, data_type: DataType, good: list[object], bad: list[object]) -> None:
        assert [one(data_type, each) for each in good] == [None] * len(good)
        assert all(one(data_type, each) for each in bad)

    def test_every_type_is_judged(self) -> None:
        for data_type in DataType:
            one(data_type, None)

    def test_enum_members_of_numbers_compare_as_numbers(self) -> None:
        """A published profile lists 0 to 6 for an int with the bounds 0 and 0."""
        facts: dict[str, Any] = {"min": "0", "max": "0", "enum_list": ("0", "1", "6")}
        assert [one(DataType.INT, each, **facts) for each in (6, "1", 0.0)] == [None] * 3
        assert one(DataType.INT, 5, **facts) == "is not one of 0, 1, 6"
        assert one(DataType.ENUM, 6, **facts) is None

    def test_long_enums_are_not_told_whole(self) -> None:
        reason = one(DataType.ENUM, "x", enum_list=tuple(map(str, range(100))))
        assert reason == "is not one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"

    def test_members_of_a_struct(self) -> None:
        position = Field(
            "pos",
            DataType.STRUCT,
            fields=(Parameter("lat", DataType.DOUBLE, required=True), Parameter("lon", DataType.DOUBLE)),
        )

        def found(value: object) -> tuple[str, str] | None:
            problem = value_problem(position, value, "pos")
            return (problem.field, problem.reason) if problem else None

        assert found({"lat": 1.5, "lon": 2}) is None
        assert found({"lon": 2}) == ("pos.lat", "is missing")
        assert found({"lat": "x"}) == ("pos.lat", "is not a finite number")
        assert found({"lat": 1, "alt": 1}) == ("pos.alt", "is not in the model")

    def test_items_of_an_array(self) -> None:
        levels = Field(
            "levels", DataType.ARRAY, max_length=3, element=Parameter("item", DataType.INT, max="5")
        )
        assert value_problem(levels, [1, 2, 3], "levels") is None
        problem = value_problem(levels, [1, 9], "levels")
        assert problem is not None
        assert (problem.field, problem.reason) == ("levels[1]", "is above 5")
        assert value_problem(levels, [1] * 4, "levels") is not None


class TestDesired:
    def test_takes_writable_properties(self) -> None:
        check_desired(METER, "Meter", {"period": 5, "mode": "OPEN", "note": "hi"})

    def test_schemaless(self) -> None:
        check_desired(ANYTHING, "x", {"a": {"b": 1}})
        with pytest.raises(InvalidInput, match=r"desired\.a"):
            check_desired(ANYTHING, "x", {"a": math.inf})

    def test_unknown_service(self) -> None:
        with pytest.raises(ServiceNotFound):
            check_desired(METER, "Nope", {"a": 1})

    @pytest.mark.parametrize("name", ["flow", "free"])
    def test_not_writable(self, name: str) -> None:
        with pytest.raises(PropertyNotWritable):
            check_desired(METER, "Meter", {name: 1})

    @pytest.mark.parametrize("values", [{"period": 25}, {"period": True}, {"nope": 1}])
    def test_invalid(self, values: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput) as caught:
            check_desired(METER, "Meter", values)
        assert caught.value.field == f"desired.{next(iter(values))}"


class TestCommand:
    def test_takes_what_the_model_describes(self) -> None:
        check_command(METER, "Meter", "LEVEL", {"value": 4})
        check_command(METER, "Meter", "LEVEL", {"value": "4", "label": "hot"})
        check_command(METER, "Meter", "RESET", {})

    def test_schemaless(self) -> None:
        check_command(ANYTHING, "x", "ANY", {"a": 1})
        with pytest.raises(InvalidInput, match=r"paras\.a"):
            check_command(ANYTHING, "x", "ANY", {"a": math.nan})

    def test_unknown_service_and_method(self) -> None:
        with pytest.raises(ServiceNotFound):
            check_command(METER, "Nope", "LEVEL", {})
        with pytest.raises(CommandTypeNotFound):
            check_command(METER, "Meter", "NOPE", {})

    @pytest.mark.parametrize(
        ("paras", "field", "missing"),
        [
            ({}, "paras.value", True),
            ({"value": 101}, "paras.value", False),
            ({"value": True}, "paras.value", False),
            ({"value": 1, "label": "longer"}, "paras.label", False),
            ({"value": 1, "other": 1}, "paras.other", False),
        ],
    )
    def test_invalid(self, paras: dict[str, Any], field: str, missing: bool) -> None:
        with pytest.raises(InvalidInput) as caught:
            check_command(METER, "Meter", "LEVEL", paras)
        assert (caught.value.field, caught.value.missing) == (field, missing)


NAMES = st.text("abcXYZ_1", min_size=1, max_size=4)
FIELDS: dict[str, Any] = {
    "required": st.booleans(),
    "step": st.none() | st.integers(-5, 5) | st.floats(-5, 5),
    "max_length": st.none() | st.integers(0, 1000),
    "unit": st.none() | st.text(max_size=3),
    "enum_list": st.none() | st.lists(st.text(max_size=3), max_size=3).map(tuple),
    "description": st.none() | st.text(max_size=3),
}
PARAMETERS = st.builds(Parameter, NAMES, st.sampled_from(DataType), **FIELDS)
PROPERTIES = st.builds(
    Property, NAMES, st.sampled_from(DataType), method=st.sampled_from([None, "", "R", "RWE"]), **FIELDS
)


def unique(items: st.SearchStrategy[Any], key: str = "name") -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=3, unique_by=lambda each: getattr(each, key)).map(tuple)


COMMANDS = st.builds(
    Command, NAMES, unique(PARAMETERS), unique(st.builds(Response, NAMES, unique(PARAMETERS)))
)
SERVICES = st.builds(
    Service,
    NAMES,
    type=NAMES,
    option=st.none() | st.sampled_from(Option),
    properties=unique(PROPERTIES),
    commands=unique(COMMANDS),
    events=unique(st.builds(Event, NAMES, parameters=unique(PARAMETERS))),
)


@unhurried
@given(st.builds(ThingModel, unique(SERVICES, "id")))
def test_text_and_back(model: ThingModel) -> None:
    assert things.decode(things.encode(model)) == model


def test_a_model_of_data_points_alone_takes_any_command() -> None:
    points = ThingModel((Service("", properties=(Property("level", DataType.INT),)),))
    check_command(points, "Lamp", "blink", {"times": 3})
    named = ThingModel((Service("Lamp", properties=(Property("level", DataType.INT),)),))
    with pytest.raises(CommandTypeNotFound):
        check_command(named, "Lamp", "blink", {"times": 3})
