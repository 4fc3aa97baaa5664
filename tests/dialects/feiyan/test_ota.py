"""Upgrades of things, for the people who are bound to them. Source: Feiyan 6.12"""

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import registration
from chalicelib.core.packages import Type
from chalicelib.core.registration import NewDevice
from chalicelib.core.upgrade_states import Policy, PolicyKind, Status, Step
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import make_fleet
from tests.support.iot import FakeDevice
from tests.support.things import bind
from tests.support.upgrades import CONTENT, UpgradeRig, make_package

ASK = Policy(PolicyKind.ONLINE, confirm=True)
GO = Policy(PolicyKind.ONLINE)


@dataclass
class Shop:
    """Alice manages a meter that is online and one that is not; bob is a member of the first."""

    rig: UpgradeRig
    app: Program
    alice: Someone
    bob: Someone
    eve: Someone
    live: FakeDevice
    idle: FakeDevice

    def __post_init__(self) -> None:
        self.firmware = make_package(self.rig.fleet, Type.FIRMWARE, description="faster")

    def start(self, *devices: FakeDevice, policy: Policy = GO, package: Any = None) -> str:
        self.rig.clock.advance(1)
        return self.rig.start(list(devices), policy, package or self.firmware)

    def ok(self, path: str, device: FakeDevice | None = None, who: Someone | None = None, **more: Any) -> Any:
        given = {**({"iotId": device.id} if device else {}), **more}
        version = "1.0.2" if path.startswith("/thing") else "1.0.0"
        return self.app.ok(path, version, given, user=(who or self.alice).token)

    def code(
        self, path: str, device: FakeDevice | None = None, who: Someone | None = None, **more: Any
    ) -> int:
        given = {**({"iotId": device.id} if device else {}), **more}
        version = "1.0.2" if path.startswith("/thing") else "1.0.0"
        return self.app.code(path, version, given, user=(who or self.alice).token)

    def progress(self, device: FakeDevice, **more: Any) -> Any:
        return self.ok("/living/ota/progress/get", device, **more)

    def told(self, device: FakeDevice) -> int:
        return len(self.rig.told(device))


@pytest.fixture
def shop(aws: None, clock: FakeClock) -> Shop:
    rig = UpgradeRig(clock)
    (live,), (idle,) = rig.devices(1), rig.devices(1, online=False)
    app = app_of(rig.fleet)
    alice, bob, eve = (someone(rig.fleet, name) for name in ("alice", "bob", "eve"))
    bind(rig.fleet, alice.id, live.id, idle.id)
    bind(rig.fleet, bob.id, live.id)
    made = Shop(rig, app, alice, bob, eve, live, idle)
    for who in (alice, bob):
        made.code("/living/ota/progress/get", live, who)
    return made


FILE, LIST = "/living/ota/firmware/file/get", "/living/ota/progress/list"
CONFIRM, WAITING = "/living/ota/confirm", "/living/ota/devices/list"
CANCEL, REPORT = "/living/ota/cancel", "/living/ota/progress/report"
VERSION = "/thing/ota/version/reportByUser"


def test_the_firmware_that_waits(shop: Shop, calls: Calls) -> None:
    nothing = shop.ok(FILE, shop.idle)
    assert (nothing["status"], nothing["firmwareVersion"], nothing["url"]) == ("SUCCEEDED", None, None)
    shop.start(shop.idle, policy=ASK)
    calls.clear()
    data = shop.ok(FILE, shop.idle, currentVersion="1.9")
    assert calls.made == [
        "dynamodb.BatchGetItem",
        "dynamodb.Query",
        "dynamodb.BatchGetItem",
        "dynamodb.GetItem",
    ]
    url = data.pop("url")
    assert url.startswith("https://")
    assert data == {
        "moduleName": "default",
        "currentVersion": "1.9",
        "status": "TO_BE_UPGRADED",
        "firmwareVersion": "2.0",
        "size": str(len(CONTENT)),
        "sign": hashlib.sha256(CONTENT).hexdigest(),
        "signMethod": "SHA256",
        "details": "faster",
        "otaType": "CONFIRM",
    }
    assert shop.ok(FILE, shop.idle, currentVersion="2.0")["status"] == "SUCCEEDED"
    assert shop.ok(FILE, shop.idle, moduleName="radio")["status"] == "SUCCEEDED"


def test_names_of_a_thing(shop: Shop) -> None:
    shop.start(shop.idle)
    record = DeviceRecord.find(shop.idle.id, DEVICE)
    assert record is not None
    named = {"productKey": shop.rig.fleet.product.short_id, "deviceName": record.node_id}
    for given in ({"deviceId": shop.idle.id}, named, {"iotId": shop.idle.id, "deviceName": "nobody"}):
        assert shop.ok(FILE, None, **given)["otaType"] == "COMPELLENT"
    assert shop.code(FILE) == 20050
    assert shop.code(FILE, None, productKey=named["productKey"]) == 20050
    assert shop.code(FILE, None, productKey=named["productKey"], deviceName="nobody") == 401


def test_how_it_goes(shop: Shop, calls: Calls) -> None:
    assert shop.code("/living/ota/progress/get", shop.live) == 9132
    shop.start(shop.live)
    calls.clear()
    data = shop.progress(shop.live)
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.BatchGetItem"]
    assert data == {
        "iotId": shop.live.id,
        "moduleName": "default",
        "currentVersion": "",
        "firmwareVersion": "2.0",
        "otaType": "COMPELLENT",
        "needConfirm": False,
        "status": "UPGRADING",
        "step": 0,
        "desc": "",
    }
    shop.rig.say(shop.live, Step.DOWNLOADING, progress=40)
    assert shop.progress(shop.live, currentVersion="1.0")["step"] == 40
    shop.rig.say(shop.live, Step.UPDATING)
    assert shop.progress(shop.live)["step"] == 100
    shop.rig.say(shop.live, succeeded=True, version="2.0")
    done = shop.progress(shop.live, firmwareVersion="2.0")
    assert (done["status"], done["step"], done["currentVersion"]) == ("SUCCEEDED", 100, "2.0")
    assert shop.code("/living/ota/progress/get", shop.live, firmwareVersion="9.9") == 9132


def test_a_failure_is_negative(shop: Shop) -> None:
    shop.start(shop.live)
    shop.rig.say(shop.live, succeeded=False, error="-3", description="check failed")
    data = shop.progress(shop.live)
    assert (data["status"], data["step"], data["desc"]) == ("FAILED", -3, "check failed")
    again = make_package(shop.rig.fleet, Type.FIRMWARE, version="3.0")
    shop.start(shop.live, package=again)
    shop.rig.say(shop.live, succeeded=False, error="12")
    assert shop.progress(shop.live)["step"] == -1
    assert shop.progress(shop.live, firmwareVersion="2.0")["step"] == -3


def test_a_module_is_software_of_its_name(shop: Shop) -> None:
    radio = make_package(shop.rig.fleet, Type.SOFTWARE, name="radio", version="7")
    shop.start(shop.live, package=radio)
    assert shop.code("/living/ota/progress/get", shop.live, moduleName="radio") == 20050
    data = shop.progress(shop.live, moduleName="radio", firmwareVersion="7")
    assert (data["moduleName"], data["firmwareVersion"]) == ("radio", "7")
    assert shop.code("/living/ota/progress/get", shop.live) == 9132


def test_the_things_of_a_person(shop: Shop, calls: Calls) -> None:
    assert shop.ok(LIST) == []
    assert shop.ok(WAITING) == []
    shop.start(shop.live)
    shop.start(shop.idle, policy=ASK)
    calls.clear()
    found = {each["iotId"]: each["status"] for each in shop.ok(LIST)}
    assert calls.made == ["dynamodb.Query"] * 3 + ["dynamodb.BatchGetItem"]
    assert found == {shop.live.id: "UPGRADING", shop.idle.id: "TO_BE_UPGRADED"}
    assert [each["iotId"] for each in shop.ok(LIST, who=shop.bob)] == [shop.live.id]
    assert shop.ok(LIST, who=shop.eve) == []
    assert shop.ok(WAITING) == [
        {
            "iotId": shop.idle.id,
            "deviceIcon": None,
            "deviceDisplayName": "Meter",
            "deviceName": "Meter",
            "deviceNetType": "NET_OTHER",
            "deviceStatus": 0,
        }
    ]


class TestConfirmation:
    def test_nothing_goes_out_before_it(self, shop: Shop) -> None:
        upgrade = shop.start(shop.live, policy=ASK)
        shop.rig.pass_time(600)
        shop.rig.pass_time(600)
        assert shop.told(shop.live) == 0
        data = shop.progress(shop.live)
        assert (data["status"], data["needConfirm"], data["otaType"]) == ("TO_BE_UPGRADED", True, "CONFIRM")
        assert shop.ok(CONFIRM, devices=[{"iotId": shop.live.id}], who=shop.bob) is None
        assert shop.progress(shop.live)["needConfirm"] is False
        shop.rig.work.run()
        assert shop.told(shop.live) == 1
        shop.rig.finish(shop.live)
        assert shop.rig.part(upgrade, shop.live).status is Status.SUCCESS

    def test_it_is_for_one_thing_alone(self, shop: Shop, calls: Calls) -> None:
        other = shop.rig.devices(1)[0]
        upgrade = shop.start(shop.live, other, policy=ASK)
        calls.clear()
        shop.ok(CONFIRM, devices=[{"iotId": shop.live.id}])
        assert calls.made == [
            "dynamodb.BatchGetItem",
            "dynamodb.Query",
            "dynamodb.BatchGetItem",
            "dynamodb.TransactWriteItems",
            "sqs.SendMessageBatch",
        ]
        shop.rig.work.run()
        assert (shop.told(shop.live), shop.told(other)) == (1, 0)
        assert shop.rig.part(upgrade, other).status is Status.WAIT

    def test_twice_is_once(self, shop: Shop) -> None:
        shop.start(shop.live, policy=ASK)
        for _ in range(2):
            shop.ok(CONFIRM, devices=[{"iotId": shop.live.id}, {"deviceId": shop.live.id}])
            shop.rig.work.run()
        assert shop.told(shop.live) == 1

    def test_a_lost_job_is_made_good(self, shop: Shop) -> None:
        shop.start(shop.live, policy=ASK)
        shop.ok(CONFIRM, devices=[{"iotId": shop.live.id}])
        shop.rig.work.lose()
        shop.rig.pass_time(3600)
        assert shop.told(shop.live) == 1

    def test_the_end_cuts_off_what_nobody_confirmed(self, shop: Shop) -> None:
        upgrade = shop.start(shop.live, policy=ASK)
        shop.rig.pass_time(31 * 24 * 3600)
        shop.rig.pass_time(60)
        assert shop.rig.part(upgrade, shop.live).status is Status.FAILED
        user = someone(shop.rig.fleet, "late")
        bind(shop.rig.fleet, user.id, shop.live.id)
        assert shop.code(CONFIRM, devices=[{"iotId": shop.live.id}], who=user) == 9146

    def test_all_or_none(self, shop: Shop) -> None:
        shop.start(shop.live, policy=ASK)
        both = [{"iotId": shop.live.id}, {"iotId": shop.idle.id}]
        assert shop.code(CONFIRM, devices=both) == 9146
        assert shop.code(CONFIRM, devices=both, who=shop.bob) == 401
        assert shop.progress(shop.live)["needConfirm"] is True

    def test_wrong_ones(self, shop: Shop) -> None:
        shop.start(shop.live)
        assert shop.code(CONFIRM, devices=[{"iotId": shop.live.id}]) == 9146  # it asks nobody
        assert shop.code(CONFIRM, devices=[{"iotId": str(at)} for at in range(21)]) == 9144
        assert shop.code(CONFIRM, devices=[]) == 460
        assert shop.code(CONFIRM) == 20050
        assert shop.code(CONFIRM, devices=[{}]) == 20050


class TestCancelling:
    @pytest.mark.parametrize("policy", [ASK, GO])
    def test_what_waits_never_goes_out(self, shop: Shop, policy: Policy) -> None:
        upgrade = shop.start(shop.idle, policy=policy)
        assert shop.ok(CANCEL, shop.idle, firmwareVersion="2.0") is None
        data = shop.progress(shop.idle)
        assert (data["status"], data["step"], data["desc"]) == ("FAILED", -1, "The upgrade was canceled.")
        shop.idle.connect()
        shop.rig.pass_time(60)
        assert shop.told(shop.idle) == 0
        assert shop.rig.part(upgrade, shop.idle).status is Status.STOPPED
        assert shop.code(CANCEL, shop.idle, firmwareVersion="2.0") == 9146
        if policy is ASK:
            assert shop.code(CONFIRM, devices=[{"iotId": shop.idle.id}]) == 9146

    def test_what_is_under_way_counts_no_more(self, shop: Shop) -> None:
        shop.start(shop.live)
        shop.rig.say(shop.live, Step.DOWNLOADING, progress=40)
        shop.ok(CANCEL, shop.live, who=shop.bob, firmwareVersion="2.0")
        shop.rig.say(shop.live, Step.DOWNLOADED)
        assert shop.progress(shop.live)["status"] == "FAILED"
        later = make_package(shop.rig.fleet, Type.FIRMWARE, version="3.0")
        shop.start(shop.live, package=later)
        assert shop.told(shop.live) == 2  # the device is free for the next

    def test_wrong_ones(self, shop: Shop) -> None:
        shop.start(shop.live)
        assert shop.code(CANCEL, shop.live, firmwareVersion="9.9") == 9146
        assert shop.code(CANCEL, shop.live, firmwareVersion="2.0", moduleName="radio") == 9146
        assert shop.code(CANCEL, shop.live) == 20050


class TestReports:
    def test_an_app_that_does_the_upgrade_itself(self, shop: Shop) -> None:
        upgrade = shop.start(shop.idle)
        given = {"firmwareVersion": "2.0"}
        shop.ok(REPORT, shop.idle, **given, step="10", desc="sending")
        data = shop.progress(shop.idle)
        assert (data["status"], data["step"]) == ("UPGRADING", 10)
        shop.ok(REPORT, shop.idle, **given, step=55)
        shop.ok(REPORT, shop.idle, **given, step="100")
        assert shop.progress(shop.idle)["status"] == "SUCCEEDED"
        assert shop.rig.part(upgrade, shop.idle).current_version == "2.0"
        assert shop.code(REPORT, shop.idle, **given, step="100") == 9146

    def test_a_failure(self, shop: Shop) -> None:
        shop.start(shop.live)
        shop.ok(REPORT, shop.live, who=shop.bob, firmwareVersion="2.0", step="-1", desc="no luck")
        data = shop.progress(shop.live)
        assert (data["status"], data["step"], data["desc"]) == ("FAILED", -1, "no luck")

    def test_wrong_ones(self, shop: Shop) -> None:
        given = {"firmwareVersion": "2.0"}
        assert shop.code(REPORT, shop.live, **given, step="1") == 9146
        shop.start(shop.live, policy=ASK)
        assert shop.code(REPORT, shop.live, **given, step="1") == 9146  # nobody has confirmed it
        for step in ("101", "-5", "x", "1.5", ""):
            assert shop.code(REPORT, shop.live, **given, step=step) in (460, 20050)
        assert shop.code(REPORT, shop.live, **given) == 20050

    def test_a_version(self, shop: Shop, calls: Calls) -> None:
        shop.start(shop.live)
        calls.clear()
        assert shop.ok(VERSION, shop.live, version="1.5") is None
        assert len(calls.made) <= 5
        assert shop.progress(shop.live)["currentVersion"] == "1.5"
        assert shop.progress(shop.live)["status"] == "UPGRADING"
        shop.ok(VERSION, shop.live, version="2.0", who=shop.bob)
        assert shop.progress(shop.live)["status"] == "SUCCEEDED"
        calls.clear()
        shop.ok(VERSION, shop.live, version="2.0")
        assert calls.made == ["dynamodb.BatchGetItem"] * 2
        assert shop.code(VERSION, shop.live) == 20050


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (FILE, {}),
        ("/living/ota/progress/get", {}),
        (CONFIRM, {"devices": 1}),
        (CANCEL, {"firmwareVersion": "2.0"}),
        (REPORT, {"firmwareVersion": "2.0", "step": "1"}),
        (VERSION, {"version": "1"}),
    ],
)
def test_who_is_not_bound_learns_nothing(shop: Shop, path: str, params: dict[str, Any]) -> None:
    shop.start(shop.live, policy=ASK)
    other = make_fleet("other", manufacturer_id="o")
    theirs = registration.register(
        other.caller, NewDevice("theirs", registration.BY_SECRET, product=other.product.id)
    )
    stranger, app = someone(other, "mallory"), app_of(other)
    bind(other, stranger.id, theirs.device.device)
    version = "1.0.2" if path == VERSION else "1.0.0"
    for device in (shop.live.id, "0" * 32, "nothing"):
        given = {**params, "iotId": device}
        if "devices" in params:
            given = {"devices": [{"iotId": device}]}
        assert shop.app.code(path, version, given, user=shop.eve.token) == 401
        assert app.code(path, version, given, user=stranger.token) == 401
