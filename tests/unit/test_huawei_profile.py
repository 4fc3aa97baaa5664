"""Huawei device profiles to the thing model and back to capabilities."""

import contextlib
import copy
import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidInput
from chalicelib.core.products import Facts
from chalicelib.core.things import DataType, Parameter, Property, Service, ThingModel
from chalicelib.formats import huawei_profile as profile

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

DEVICES = "profile/devicetype-capability.json"
BATTERY = "service/Battery/profile/servicetype-capability.json"

DEVICE: dict[str, Any] = {
    "manufacturerId": "acme",
    "manufacturerName": "Acme Ltd",
    "protocolType": "MQTT",
    "deviceType": "Meter",
    "model": "v1",
    "omCapability": None,
    "serviceTypeCapabilities": [
        {"serviceId": "Battery", "serviceType": "Battery", "option": "Mandatory"},
        {"serviceId": "Spare", "serviceType": "Battery", "option": None},
    ],
}
LEVEL: dict[str, Any] = {
    "propertyName": "batteryLevel",
    "dataType": "int",
    "required": True,
    "min": "0",
    "max": "100",
    "step": 1,
    "maxLength": 0,
    "method": "RWE",
    "unit": "%",
    "enumList": None,
}
SERVICE: dict[str, Any] = {
    "serviceType": "Battery",
    "description": "the battery",
    "commands": [
        {
            "commandName": "SET",
            "paras": [
                {
                    "paraName": "value",
                    "dataType": "decimal",
                    "required": False,
                    "min": "0.0",
                    "max": "65535.0",
                    "step": 0.1,
                    "maxLength": 8,
                    "unit": None,
                    "enumList": ["1", "2"],
                }
            ],
            "responses": [
                {
                    "responseName": "SET_RSP",
                    "paras": [
                        {
                            "paraName": "result",
                            "dataType": "int",
                            "required": True,
                            "min": "-1000000",
                            "max": "1000000",
                            "step": 1,
                            "maxLength": 10,
                            "unit": None,
                            "enumList": None,
                        }
                    ],
                }
            ],
        },
        {"commandName": "RESET", "paras": [], "responses": []},
    ],
    "properties": [LEVEL],
}
DOCUMENT: dict[str, Any] = {"devices": [DEVICE], "services": [SERVICE]}


def raw(document: object) -> bytes:
    return json.dumps(document).encode()


FILES = {DEVICES: raw({"devices": [DEVICE]}), BATTERY: raw({"services": [SERVICE]})}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def with_property(**changes: Any) -> bytes:
    document = copy.deepcopy(DOCUMENT)
    document["services"][0]["properties"][0].update(changes)
    return raw(document)


def read_property(**changes: Any) -> Property:
    found = profile.read(with_property(**changes)).things.services[0].properties[0]
    assert isinstance(found, Property)
    return found


def refusal(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        profile.read(data)
    return caught.value


class TestForms:
    def test_one_file(self) -> None:
        found = profile.read(raw(DOCUMENT))
        assert found.facts == Facts("acme", "Acme Ltd", "Meter", "v1", "MQTT")
        assert [each.id for each in found.things.services] == ["Battery", "Spare"]
        assert found.things.services[0].properties == found.things.services[1].properties

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    @pytest.mark.parametrize("root", ["", "Meter_acme_v1/", "a/b/"])
    def test_zip(self, root: str, method: int) -> None:
        files = {root + name: data for name, data in FILES.items()}
        files |= {"README.txt": b"x", f"__MACOSX/{root}profile/._devicetype-capability.json": b"x"}
        assert profile.read(packed(files, method)) == profile.read(raw(DOCUMENT))

    def test_folder(self, tmp_path: Path) -> None:
        for name, data in FILES.items():
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_bytes(data)
        assert profile.read_directory(tmp_path) == profile.read(raw(DOCUMENT))

    def test_folder_without_a_profile(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"devicetype-capability\.json is missing"):
            profile.read_directory(tmp_path)

    def test_byte_order_mark(self) -> None:
        assert profile.read(b"\xef\xbb\xbf" + raw(DOCUMENT)) == profile.read(raw(DOCUMENT))

    def test_folder_of_a_service_may_have_another_name(self) -> None:
        other = "service/Power/profile/servicetype-capability.json"
        assert profile.read(packed({DEVICES: FILES[DEVICES], other: FILES[BATTERY]})).things.services

    def test_null_for_whatever_is_optional(self) -> None:
        service = {"serviceType": "Battery", "description": None, "commands": None, "properties": None}
        command = {"commandName": "GET", "paras": None, "responses": None}
        bare = profile.read(raw({"devices": [DEVICE], "services": [service]})).things
        assert bare.services[0] == Service("Battery", "Battery", None, bare.services[0].option)
        profile.read(raw({"devices": [DEVICE], "services": [{**service, "commands": [command]}]}))
        none = {**DEVICE, "serviceTypeCapabilities": None}
        assert profile.read(raw({"devices": [none], "services": None})).things.schemaless


class TestValues:
    def test_numbers_keep_their_text(self) -> None:
        found = read_property(min=0, max=65535.0, step="0.1", maxLength="12")
        assert (found.min, found.max, found.step, found.max_length) == ("0", "65535.0", 0.1, 12)

    def test_null_everywhere(self) -> None:
        names = ("required", "min", "max", "step", "maxLength", "method", "unit", "enumList")
        assert read_property(**dict.fromkeys(names)) == Property("batteryLevel", DataType.INT)

    def test_empty_text_is_no_number(self) -> None:
        found = read_property(step="", maxLength="", min="", max="")
        assert (found.step, found.max_length, found.bounds) == (None, None, (None, None))

    def test_enum_members_become_text(self) -> None:
        assert read_property(enumList=[0, 1.5, "x", True]).enum_list == ("0", "1.5", "x", "true")

    @pytest.mark.parametrize(
        ("raw_flag", "flag"), [("true", True), ("False", False), ("", False), (None, False)]
    )
    def test_required(self, raw_flag: object, flag: bool) -> None:
        assert read_property(required=raw_flag).required is flag

    @pytest.mark.parametrize(
        ("spelling", "data_type"),
        [
            ("int", DataType.INT),
            ("decimal", DataType.DECIMAL),
            ("float", DataType.FLOAT),
            ("double", DataType.DOUBLE),
            ("string", DataType.STRING),
            ("String", DataType.STRING),
            ("DateTime", DataType.DATETIME),
            ("bool", DataType.BOOL),
            ("boolean", DataType.BOOL),
            ("enum", DataType.ENUM),
            ("jsonObject", DataType.OBJECT),
            ("array", DataType.ARRAY),
            ("list", DataType.ARRAY),
            ("string list", DataType.ARRAY),
        ],
    )
    def test_types_are_answered_as_spelled(self, spelling: str, data_type: DataType) -> None:
        model = profile.read(with_property(dataType=spelling, maxLength=7)).things
        assert model.services[0].properties[0].data_type is data_type
        answered = profile.to_capabilities(model)[0]["properties"][0]
        assert (answered["dataType"], answered["maxLength"]) == (spelling, 7)

    def test_length_of_a_string_list_is_that_of_its_strings(self) -> None:
        found = read_property(dataType="string list", maxLength=7)
        assert found.max_length is None
        assert found.element == Parameter("item", DataType.STRING, max_length=7)

    @pytest.mark.parametrize(
        ("data_type", "spelling"),
        [
            (DataType.UINT16, "int"),
            (DataType.BYTE, "int"),
            (DataType.DOUBLE, "decimal"),
            (DataType.BYTES, "string"),
            (DataType.DATE, "string"),
            (DataType.STRUCT, "jsonObject"),
        ],
    )
    def test_types_of_other_systems(self, data_type: DataType, spelling: str) -> None:
        prop = Property("x", data_type, type_text="text")
        answered = profile.to_capabilities(ThingModel((Service("A", properties=(prop,)),)))
        assert answered[0]["properties"][0]["dataType"] == spelling

    def test_every_type_has_a_spelling(self) -> None:
        properties = tuple(Property(each.value, each) for each in DataType)
        assert profile.to_capabilities(ThingModel((Service("A", properties=properties),)))


class TestCapabilities:
    def test_shape(self) -> None:
        """Names, order of nesting and JSON types of Huawei 1.6.5."""
        answered = profile.to_capabilities(profile.read(raw(DOCUMENT)).things)
        assert answered == [
            {
                **SERVICE,
                "serviceId": "Battery",
                "option": "Mandatory",
            },
            {**SERVICE, "serviceId": "Spare", "option": None},
        ]

    def test_a_service_without_a_type_answers_its_id(self) -> None:
        assert profile.to_capabilities(ThingModel((Service("A"),)))[0]["serviceType"] == "A"


class TestBrokenProfile:
    @pytest.mark.parametrize(
        ("changes", "field", "reason"),
        [
            ({"min": "abc"}, "profile: Battery.batteryLevel.min", "is not a number: abc"),
            ({"min": 101}, "profile: Battery.batteryLevel.min", "is above max"),
            ({"max": "9" * 65}, "profile: model", None),
            ({"dataType": "foo"}, "profile: Battery.batteryLevel.dataType", "is not a known type: foo"),
            ({"dataType": None}, "profile: services[0].properties[0].dataType", None),
            ({"step": "x"}, "profile: Battery.batteryLevel.step", "is not a number: x"),
            ({"step": "1e999"}, "profile: Battery.batteryLevel.step", "is not a number: 1e999"),
            ({"maxLength": -1}, "profile: Battery.batteryLevel.maxLength", "is not a count: -1"),
            ({"maxLength": "1.5"}, "profile: Battery.batteryLevel.maxLength", "is not a count: 1.5"),
            ({"required": "maybe"}, "profile: Battery.batteryLevel.required", "is neither true nor false"),
            ({"method": "RX"}, "profile: Battery.batteryLevel.method", "is no combination of R, W and E: RX"),
            ({"propertyName": None}, "profile: services[0].properties[0].propertyName", None),
            ({"enumList": [None]}, "profile: services[0].properties[0].enumList[0]", None),
        ],
    )
    def test_property(self, changes: dict[str, Any], field: str, reason: str | None) -> None:
        error = refusal(with_property(**changes))
        assert error.field == field
        assert reason in (None, error.reason)

    def test_names_the_file_of_a_package(self) -> None:
        service = {**SERVICE, "properties": [{**LEVEL, "min": "x"}]}
        error = refusal(packed({**FILES, BATTERY: raw({"services": [service]})}))
        assert error.field == f"{BATTERY}: Battery.batteryLevel.min"

    def test_missing_fact(self) -> None:
        device = {name: value for name, value in DEVICE.items() if name != "model"}
        error = refusal(packed({**FILES, DEVICES: raw({"devices": [device]})}))
        assert error.field == f"{DEVICES}: devices[0].model"
        assert error.missing

    @pytest.mark.parametrize("devices", [[], [DEVICE, DEVICE]])
    def test_one_device(self, devices: list[object]) -> None:
        assert refusal(raw({**DOCUMENT, "devices": devices})).field == "profile: devices"

    def test_undefined_service(self) -> None:
        error = refusal(packed({DEVICES: FILES[DEVICES]}))
        assert error.field == f"{DEVICES}: Battery.serviceType"

    def test_service_defined_twice(self) -> None:
        assert refusal(raw({**DOCUMENT, "services": [SERVICE, SERVICE]})).field == "profile: Battery"

    def test_service_id_twice(self) -> None:
        device = {**DEVICE, "serviceTypeCapabilities": DEVICE["serviceTypeCapabilities"][:1] * 2}
        assert refusal(raw({**DOCUMENT, "devices": [device]})).field == "profile: services.Battery"

    def test_property_twice(self) -> None:
        service = {**SERVICE, "properties": [LEVEL, LEVEL]}
        assert refusal(raw({**DOCUMENT, "services": [service]})).field == "profile: Battery.batteryLevel"

    def test_option(self) -> None:
        device = copy.deepcopy(DEVICE)
        device["serviceTypeCapabilities"][0]["option"] = "Perhaps"
        error = refusal(raw({**DOCUMENT, "devices": [device]}))
        assert (error.field, error.reason) == (
            "profile: Battery.option",
            "is none of Optional, Mandatory, Master",
        )

    @pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b'"x"', b"[" * 50_000, b"null"])
    def test_no_profile_at_all(self, data: bytes) -> None:
        assert refusal(data).field == "profile"


class TestPackage:
    def test_missing_device_file(self) -> None:
        error = refusal(packed({BATTERY: FILES[BATTERY]}))
        assert (error.field, error.reason, error.missing) == (DEVICES, "is missing", True)

    def test_two_device_files(self) -> None:
        assert refusal(packed({**FILES, f"other/{DEVICES}": b"{}"})).field == DEVICES

    def test_one_name_twice(self) -> None:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in (DEVICES, BATTERY, BATTERY):
                archive.writestr(name, FILES[name])
        assert refusal(target.getvalue()).field == BATTERY

    @pytest.mark.parametrize(
        "name", ["../x.json", "/etc/x.json", "a/../../x.json", "..\\x.json", "C:/x.json"]
    )
    def test_no_file_outside(self, name: str) -> None:
        assert "outside" in refusal(packed({**FILES, name: b""})).reason

    def test_bomb(self) -> None:
        bomb = packed({**FILES, BATTERY: b" " * (8 * 1024 * 1024)})
        assert len(bomb) < 20_000
        assert "larger" in refusal(bomb).reason

    def test_many_files_that_unpack_to_much(self) -> None:
        padding = b" " * 900_000
        extra = {BATTERY.replace("Battery", f"B{at}"): b'{"services": []}' + padding for at in range(6)}
        assert "unpacks" in refusal(packed({**FILES, **extra})).reason

    def test_a_lie_about_the_size(self) -> None:
        """The directory claims 10 bytes; what is unpacked counts."""
        bomb = bytearray(packed({**FILES, BATTERY: b" " * (8 * 1024 * 1024)}))
        for at in range(len(bomb) - 4):
            if bomb[at : at + 4] == (8 * 1024 * 1024).to_bytes(4, "little"):
                bomb[at : at + 4] = (10).to_bytes(4, "little")
        refusal(bytes(bomb))

    def test_many_entries(self) -> None:
        assert "1000 files" in refusal(packed({**FILES, **{f"{at}": b"" for at in range(1000)}})).reason

    @pytest.mark.parametrize("data", [b"PK" + b" " * (1024 * 1024), b" " * (1024 * 1024 + 1)])
    def test_large_upload(self, data: bytes) -> None:
        assert "larger" in refusal(data).reason

    def test_other_compression(self) -> None:
        assert "deflate" in refusal(packed(FILES, zipfile.ZIP_LZMA)).reason

    def test_encrypted(self) -> None:
        data = bytearray(packed(FILES))
        at = data.index(b"PK\x01\x02")
        data[at + 8] |= 1
        assert refusal(bytes(data)).reason == "is encrypted"

    @pytest.mark.parametrize("cut", [3, 100, 400])
    def test_truncated(self, cut: int) -> None:
        assert "sound zip" in refusal(packed(FILES)[:-cut]).reason

    def test_an_entry_without_a_name(self) -> None:
        """Python's zipfile trips over it when asked whether it is a folder."""
        data = bytearray(packed(FILES))
        data[data.rindex(BATTERY.encode())] = 0
        refusal(bytes(data))

    @unhurried
    @given(st.integers(0), st.integers(0, 255))
    def test_a_damaged_package_is_read_or_refused(self, at: int, byte: int) -> None:
        data = bytearray(packed(FILES))
        data[at % len(data)] = byte
        with contextlib.suppress(InvalidInput):
            profile.read(bytes(data))


NAMES = st.text("abcXYZ_1", min_size=1, max_size=4)
COMMON: dict[str, Any] = {
    "dataType": st.sampled_from(
        ["int", "decimal", "float", "string", "DateTime", "bool", "boolean", "jsonObject"]
    ),
    "required": st.booleans(),
    "min": st.none() | st.integers(-9, 0).map(str) | st.sampled_from(["-1.50", "0.0"]),
    "max": st.none() | st.integers(0, 9).map(str) | st.just("65535.0"),
    "step": st.none() | st.integers(0, 5) | st.sampled_from([0.1, 2.5]),
    "maxLength": st.none() | st.integers(0, 2048),
    "unit": st.none() | st.text(max_size=3),
    "enumList": st.none() | st.lists(st.text(max_size=3), max_size=3),
}


def unique(items: st.SearchStrategy[Any], key: str) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=3, unique_by=lambda each: each[key])


PARAS = unique(st.fixed_dictionaries({"paraName": NAMES, **COMMON}), "paraName")
RESPONSES = unique(st.fixed_dictionaries({"responseName": NAMES, "paras": PARAS}), "responseName")
SERVICES = unique(
    st.fixed_dictionaries(
        {
            "serviceType": NAMES,
            "description": st.none() | st.text(max_size=5),
            "commands": unique(
                st.fixed_dictionaries({"commandName": NAMES, "paras": PARAS, "responses": RESPONSES}),
                "commandName",
            ),
            "properties": unique(
                st.fixed_dictionaries(
                    {"propertyName": NAMES, "method": st.sampled_from([None, "R", "RW", "RWE"]), **COMMON}
                ),
                "propertyName",
            ),
        }
    ),
    "serviceType",
)


@unhurried
@given(SERVICES, st.sampled_from([None, "Optional", "Mandatory", "Master"]))
def test_every_field_comes_back(services: list[dict[str, Any]], option: str | None) -> None:
    """What a profile says is what an app reads as the device's capabilities."""
    own = [
        {"serviceId": f"id-{each['serviceType']}", "serviceType": each["serviceType"], "option": option}
        for each in services
    ]
    device = {**DEVICE, "serviceTypeCapabilities": own}
    found = profile.read(raw({"devices": [device], "services": services}))
    answered = profile.to_capabilities(found.things)
    assert answered == [{**one, **each} for one, each in zip(own, services, strict=True)]
    assert all(
        each["min"] is None or isinstance(each["min"], str) for one in answered for each in one["properties"]
    )
