"""Binary payloads by a product's field layout."""

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core import layouts
from chalicelib.core.errors import InvalidInput
from chalicelib.core.layouts import Layout, LayoutMismatch, Report

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

DOCUMENT: dict[str, Any] = {
    "endian": "big",
    "reports": [
        {
            "id": 0,
            "service": "Battery",
            "fields": [
                {"name": "batteryLevel", "type": "uint8"},
                {"name": "temperature", "type": "int16", "endian": "little", "scale": 0.1, "offset": -40},
            ],
        },
        {"id": 7, "service": "Meter", "fields": [{"name": "meterId", "type": "string(6)"}]},
    ],
    "commands": [
        {
            "service": "Battery",
            "method": "SET_REPORT_PERIOD",
            "id": 1,
            "mid": True,
            "fields": [{"name": "period", "type": "uint32"}],
        },
        {"service": "Battery", "method": "RESET"},
        {
            "service": "Battery",
            "method": "TUNE",
            "fields": [
                {"name": "target", "type": "int16", "scale": 0.5, "offset": 10},
                {"name": "on", "type": "bool"},
                {"name": "label", "type": "string(4)"},
                {"name": "key", "type": "bytes(2)"},
                {"name": "gain", "type": "float32", "endian": "little"},
            ],
        },
    ],
    "responses": [
        {
            "id": 2,
            "service": "Battery",
            "mid": True,
            "errcode": True,
            "fields": [{"name": "result", "type": "uint8"}],
        }
    ],
}
LAYOUT = layouts.parse(json.dumps(DOCUMENT))
TUNE: dict[str, Any] = {"target": 21.5, "on": True, "label": "hot", "key": "0aff", "gain": 1.5}


def single(*fields: dict[str, Any], **facts: Any) -> Layout:
    """A layout with one report, without an id."""
    return layouts.parse(json.dumps({"reports": [{"service": "S", "fields": fields}], **facts}))


def tune(**changes: Any) -> bytes:
    return layouts.encode_command(LAYOUT, "Battery", "TUNE", {**TUNE, **changes}, 1)


class TestDecode:
    def test_report_by_its_id(self) -> None:
        # 0x0101 little endian is 257: 25.7 - 40
        assert layouts.decode(LAYOUT, bytes.fromhex("004b0101")) == Report(
            "data", "Battery", {"batteryLevel": 75, "temperature": -14.3}
        )

    def test_string_without_its_padding(self) -> None:
        assert layouts.decode(LAYOUT, b"\x07AB-1\0\0").values == {"meterId": "AB-1"}

    def test_response(self) -> None:
        assert layouts.decode(LAYOUT, bytes.fromhex("02 1234 01 09")) == Report(
            "response", "Battery", {"result": 9}, mid=0x1234, errcode=1
        )

    def test_response_without_mid_and_errcode(self) -> None:
        layout = layouts.parse('{"responses": [{"fields": [{"name": "a", "type": "uint8"}]}]}')
        assert layouts.decode(layout, b"\x05") == Report("response", "", {"a": 5})

    def test_header_in_the_order_of_the_layout(self) -> None:
        layout = layouts.parse('{"endian": "little", "responses": [{"mid": true}]}')
        assert layouts.decode(layout, b"\x01\x00").mid == 1

    def test_no_id_where_there_is_one_kind(self) -> None:
        layout = single({"name": "a", "type": "uint16"}, {"name": "b", "type": "int8"}, endian="little")
        assert layouts.decode(layout, b"\x01\x00\xff").values == {"a": 1, "b": -1}

    @pytest.mark.parametrize(
        ("kind", "raw", "value"),
        [
            ("uint8", "ff", 255),
            ("int8", "ff", -1),
            ("uint16", "fffe", 65534),
            ("int16", "fffe", -2),
            ("uint32", "ffffffff", 2**32 - 1),
            ("int32", "80000000", -(2**31)),
            ("float32", "40466666", 3.1),
            ("float64", "4008cccccccccccd", 3.1),
            ("bool", "00", False),
            ("bool", "01", True),
            ("bool", "ff", True),
            ("string(3)", "414200", "AB"),
            ("string(2)", "c3a9", "é"),
            ("bytes(3)", "00FFa0", "00ffa0"),
        ],
    )
    def test_types(self, kind: str, raw: str, value: object) -> None:
        found = layouts.decode(single({"name": "x", "type": kind}), bytes.fromhex(raw)).values["x"]
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("facts", "value"),
        [({"scale": 10}, 50), ({"scale": 0.1}, 0.5), ({"offset": -5}, 0), ({"offset": 0.5}, 5.5)],
    )
    def test_whole_scale_and_offset_leave_integers(self, facts: dict[str, Any], value: float) -> None:
        found = layouts.decode(single({"name": "x", "type": "uint8", **facts}), b"\x05").values["x"]
        assert found == value
        assert type(found) is type(value)

    def test_what_is_no_number_is_left_to_the_judge_of_reports(self) -> None:
        found = layouts.decode(
            single({"name": "x", "type": "float32", "scale": 2}), bytes.fromhex("7fc00000")
        )
        assert math.isnan(found.values["x"])

    @pytest.mark.parametrize(
        ("payload", "reason"),
        [
            (b"", "empty"),
            (b"\x09\x00", "id 9"),
            (b"\x00", "ends within batteryLevel"),
            (b"\x00\x4b\x01", "ends within temperature"),
            (b"\x00\x4b\x01\x01\x00", "1 bytes too long"),
            (b"\x02\x12", "ends within the header"),
            (b"\x07\xff\xff\xff\xff\xff\xff", "meterId is not UTF-8"),
        ],
    )
    def test_mismatch(self, payload: bytes, reason: str) -> None:
        with pytest.raises(LayoutMismatch, match=reason):
            layouts.decode(LAYOUT, payload)

    def test_empty_layout_knows_no_payload(self) -> None:
        with pytest.raises(LayoutMismatch, match="id 1"):
            layouts.decode(layouts.parse("{}"), b"\x01")

    @unhurried
    @given(st.binary(max_size=12))
    def test_any_payload_is_decoded_or_refused(self, payload: bytes) -> None:
        with contextlib.suppress(LayoutMismatch):
            layouts.decode(LAYOUT, payload)


class TestCommand:
    def test_id_mid_and_fields(self) -> None:
        told = layouts.encode_command(LAYOUT, "Battery", "SET_REPORT_PERIOD", {"period": 3600}, 0x1234)
        assert told.hex(" ") == "01 12 34 00 00 0e 10"

    def test_bare_command(self) -> None:
        assert layouts.encode_command(LAYOUT, "Battery", "RESET", {}, 1) == b""

    def test_every_type(self) -> None:
        assert tune().hex(" ") == "00 17 01 68 6f 74 00 0a ff 00 00 c0 3f"

    def test_numbers_as_text(self) -> None:
        assert tune(target="21.5", gain="1.5") == tune()

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"target": 21.3}, "target is not a multiple of 0.5"),
            ({"target": 1e9}, "target does not fit int16"),
            ({"target": "1e999"}, "target does not fit int16"),
            ({"target": True}, "target is not a number"),
            ({"target": None}, "target is not a number"),
            ({"on": "true"}, "on is not a boolean"),
            ({"on": 2}, "on is not a boolean"),
            ({"label": "hotter"}, "label is longer than 4 bytes"),
            ({"label": "a\0"}, "label is not a string"),
            ({"label": 5}, "label is not a string"),
            ({"label": "\ud800"}, "label is not valid Unicode"),
            ({"key": "0a"}, "key is not 4 hex digits"),
            ({"key": "0a g"}, "key is not 4 hex digits"),
            ({"key": 10}, "key is not 4 hex digits"),
            ({"gain": 1e39}, "gain does not fit float32"),
            ({"gain": "1e999"}, "gain does not fit float32"),
            ({"other": 1}, "other has no field"),
        ],
    )
    def test_mismatch(self, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(LayoutMismatch, match=reason):
            tune(**changes)

    def test_missing_parameter(self) -> None:
        with pytest.raises(LayoutMismatch, match="period is missing"):
            layouts.encode_command(LAYOUT, "Battery", "SET_REPORT_PERIOD", {}, 1)

    @pytest.mark.parametrize(("service", "method"), [("Battery", "NOPE"), ("Nope", "RESET")])
    def test_unknown_command(self, service: str, method: str) -> None:
        with pytest.raises(LayoutMismatch, match="no command"):
            layouts.encode_command(LAYOUT, service, method, {}, 1)

    @pytest.mark.parametrize("mid", [0, 65536])
    def test_mid_fits_two_bytes(self, mid: int) -> None:
        with pytest.raises(LayoutMismatch, match="mid"):
            layouts.encode_command(LAYOUT, "Battery", "SET_REPORT_PERIOD", {"period": 1}, mid)


class TestParse:
    def test_the_documented_example(self) -> None:
        text = (layouts.__doc__ or "").partition("    {\n")[2].partition("\n    }\n")[0]
        layout = layouts.parse("{" + text + "}")
        assert [each.service for each in layout.reports] == ["Battery"]
        assert layouts.encode_command(layout, "Battery", "SET_REPORT_PERIOD", {"period": 1}, 1)

    @pytest.mark.parametrize(
        ("path", "value", "where", "reason"),
        [
            ("reports/0/fields/1/type", "int24", "reports[0].fields[1].type", "not a known type: int24"),
            ("reports/0/fields/1/type", "string(0)", "reports[0].fields[1].type", "not a known type"),
            ("reports/0/fields/1/type", "string", "reports[0].fields[1].type", "not a known type"),
            ("commands/0/fields/0/scale", 0, "commands[0].fields[0].scale", "is zero"),
            ("commands/2/fields/1/scale", 2, "commands[2].fields[1].scale", "no meaning for bool"),
            ("commands/2/fields/2/offset", 2, "commands[2].fields[2].scale", "no meaning for string"),
            ("reports/0/fields/1/name", "batteryLevel", "reports[0].fields", "one field twice"),
            ("responses/0/id", 0, "layout", "one id to two"),
            ("responses/0/id", None, "layout", "needs an id"),
            ("commands/1/method", "TUNE", "commands", "twice"),
            ("reports/1/fields/0/type", "bytes(99999)", "reports[1].fields", "more than 65536 bytes"),
            ("reports/0/id", 256, "layout", r"\$\.reports\[0\]\.id"),
            ("endian", "middle", "layout", r"\$\.endian"),
            ("report", [], "layout", "unknown field `report`"),
            (
                "reports/0/fields/0/size",
                1,
                "layout",
                r"unknown field `size` - at `\$\.reports\[0\]\.fields\[0\]",
            ),
            ("commands/0/fields/0/scale", 1e300, "layout", r"\$\.commands\[0\]\.fields\[0\]\.scale"),
        ],
    )
    def test_errors_name_the_place(self, path: str, value: object, where: str, reason: str) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        target = document
        *parents, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        for step in parents:
            target = target[step]
        target[last] = value
        with pytest.raises(InvalidInput, match=reason) as caught:
            layouts.parse(json.dumps(document))
        assert caught.value.field == where

    @pytest.mark.parametrize("text", ["", "{", "[]", b"\xff", "[" * 50_000, " " * 200_000])
    def test_refuses_other_text(self, text: str | bytes) -> None:
        with pytest.raises(InvalidInput, match="layout"):
            layouts.parse(text)


BITS = {
    "uint8": (0, 8),
    "int8": (1, 8),
    "uint16": (0, 16),
    "int16": (1, 16),
    "uint32": (0, 32),
    "int32": (1, 32),
}


def _integers(kind: str) -> st.SearchStrategy[int]:
    signed, bits = BITS[kind]
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


@st.composite
def _fields(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fields with a raw value each that they can hold."""
    fields: list[dict[str, Any]] = []
    values: dict[str, Any] = {}
    for at in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from([*BITS, "float32", "float64", "bool", "string(8)", "bytes(3)"]))
        field = {"name": f"f{at}", "type": kind, "endian": draw(st.sampled_from(["big", "little"]))}
        if kind in BITS:
            raw = draw(_integers(kind))
            field["scale"] = draw(st.sampled_from([1, 10, 0.1, 0.25, -2, 0.00152587890625]))
            field["offset"] = draw(st.sampled_from([0, -40, 0.5]))
            value: Any = raw * field["scale"] + field["offset"]
        elif kind == "bool":
            value = draw(st.booleans())
        elif kind == "string(8)":
            value = draw(
                st.text(st.characters(codec="utf-8"), max_size=2).map(lambda text: text.rstrip("\0"))
            )
        elif kind == "bytes(3)":
            value = draw(st.binary(min_size=3, max_size=3)).hex()
        else:
            width = 32 if kind == "float32" else 64
            value = draw(st.floats(allow_nan=False, allow_infinity=False, width=width))
        fields.append(field)
        values[field["name"]] = value
    return fields, values


@unhurried
@given(_fields(), st.none() | st.integers(0, 255), st.booleans(), st.sampled_from(["big", "little"]))
def test_encode_and_back(
    drawn: tuple[list[dict[str, Any]], dict[str, Any]], ident: int | None, mid: bool, endian: str
) -> None:
    """A device that echoes a command's bytes reports the command's parameters."""
    fields, values = drawn
    header = {"service": "S", "id": ident, "mid": mid, "fields": fields}
    layout = layouts.parse(
        json.dumps({"endian": endian, "commands": [{**header, "method": "M"}], "responses": [header]})
    )
    payload = layouts.encode_command(layout, "S", "M", values, 513)
    report = layouts.decode(layout, payload)
    assert report.mid == (513 if mid else None)
    assert report.values.keys() == values.keys()
    for name, value in values.items():
        expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-6, abs=1e-6)
        assert report.values[name] == expected
    assert layouts.encode_command(layout, "S", "M", report.values, 513) == payload
