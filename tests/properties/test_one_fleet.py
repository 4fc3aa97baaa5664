"""A device that is registered in any way can be read by every system that is there."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core import modification, product_devices, registration, removal
from chalicelib.core.device_query import Selection
from chalicelib.core.modification import Changes
from chalicelib.core.registration import BY_CODE, BY_SECRET, NewDevice
from chalicelib.dialects.xlink import device_mapping
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.xlink import key_caller

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
NAMES = st.text("abcXYZ019._:-", min_size=1, max_size=20)
TIMES = st.integers(1, 4_102_444_800_000)
NEW = st.fixed_dictionaries(
    {"node_id": st.none() | NAMES, "registration": st.sampled_from([BY_CODE, BY_SECRET])},
    optional={
        "name": TEXTS,
        "region": TEXTS,
        "description": TEXTS,
        "end_user": TEXTS,
        "is_secure": st.booleans(),
        "timeout": st.integers(0, 10_000).map(lambda given: given + 1000 if given else 0),
        "secret": st.text("0123456789abcdef", min_size=8, max_size=40),
        "psk": st.text("0123456789abcdef", min_size=8, max_size=32),
        "mac_key": st.text("0123456789ABCDEF", min_size=12, max_size=12),
    },
)
LATER = st.fixed_dictionaries(
    {},
    optional={
        "fw_version": TEXTS | st.integers(0, 2**40).map(str),
        "sw_version": TEXTS | st.integers(0, 2**40).map(str),
        "hw_version": TEXTS,
        "status": st.sampled_from(["INACTIVE", "ONLINE", "OFFLINE", "ABNORMAL"]),
        "activated": st.booleans(),
        "activated_at": TIMES,
        "last_login": TIMES,
        "last_login_ip": st.ip_addresses().map(str),
        "last_seen": TIMES,
    },
)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?")
TYPES: dict[str, tuple[type, Any]] = {
    "id": (int, lambda found: 0 < found < 2**31),
    "mac": (str, re.compile("[0-9A-F]{12}").fullmatch),
    "name": (str, len),
    "is_active": (bool, None),
    "active_date": (str, TIME.fullmatch),
    "is_online": (bool, None),
    "last_login": (str, TIME.fullmatch),
    "last_login_ip": (str, None),
    "active_code": (str, None),
    "authorize_code": (str, None),
    "mcu_mod": (str, lambda found: len(found) <= 20),
    "mcu_version": (int, lambda found: 0 <= found < 2**31),
    "firmware_mod": (str, None),
    "firmware_version": (int, lambda found: 0 <= found < 2**31),
    "corp_id": (str, len),
    "product_id": (str, len),
    "region_id": (str, None),
    "create_time": (str, TIME.fullmatch),
    "creator_id": (str, len),
    "creator_type": (int, lambda found: found in (1, 2)),
}


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def app(fleet: Fleet) -> Gateway:
    return key_caller(fleet)


def holds(document: dict[str, Any], names: set[str]) -> None:
    assert document.keys() | {"name"} == names
    for name, value in document.items():
        kind, check = TYPES[name]
        assert type(value) is kind, name
        assert check is None or check(value), (name, value)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(new=NEW, later=LATER, name=st.none() | TEXTS)
def test_every_device_reads_in_xlink(
    fleet: Fleet, app: Gateway, new: dict[str, Any], later: dict[str, Any], name: str | None
) -> None:
    made = registration.register(fleet.caller, NewDevice(product=fleet.product.id, **new)).device
    try:
        if name is not None:
            modification.modify(fleet.caller, made.device, Changes(name=name))
        if later:
            actions = [getattr(DeviceRecord, key).set(value) for key, value in later.items()]
            DeviceRecord(made.device, DEVICE).update(actions)
        shown = product_devices.get(fleet.caller, fleet.product.id, made.number or 0)
        assert shown.device.device == made.device
        listed = product_devices.part(fleet.caller, fleet.product.id, Selection(), 0, 10)
        assert [each.device for each in listed.items] == [shown.device]
        holds(device_mapping.listed(shown, None), set(TYPES) - {"corp_id"})
        reply = app.get(f"/v2/product/{fleet.product.id}/device/{made.number}")
        if reply.status != 429:  # so many calls a minute, and the clock stands
            holds(reply.json, set(TYPES))
    finally:
        removal.delete(fleet.caller, made.device)
