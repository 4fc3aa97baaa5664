"""What must hold when many do the same thing at once, on ministack with real threads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def race(name: str, within: int = 100, **env: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.races", name]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_reports_at_once_lose_nothing() -> None:
    """The newest value of each field wins, every report is kept and told once, contact activates once."""
    found = race("reports")
    assert found["outcomes"] == {"ok": 200}
    assert found["shadow"] == {"level": 199 % 101, "flow": 198}
    assert found["stored"] == 200
    assert found["told"] == 200
    assert found["activations"] == 1


def test_a_node_id_is_registered_once() -> None:
    found = race("registrations")
    assert found["outcomes"] == {"ok": 1, "NodeIdTaken": 31}
    assert found["total"] == 1


def test_a_queue_takes_twenty_commands_and_no_more() -> None:
    found = race("commands")
    assert found["outcomes"] == {"ok": 20, "TooManyPending": 20}
    assert found["waiting"] == found["different"] == 20


def test_a_refresh_token_is_spent_once() -> None:
    assert race("refreshes")["outcomes"] == {"ok": 1, "InvalidRefreshToken": 15}


def test_a_login_name_is_given_once_and_free_again_once_its_account_is_deleted() -> None:
    found = race("logins")
    assert found["made"] == {"ok": 1, "LoginTaken": 15}
    assert found["deleted"] == {"ok": 1, "AccountNotFound": 7}
    assert found["again"] == {"ok": 1}


def test_a_lora_server_learns_of_each_node_that_there_is_and_no_other() -> None:
    found = race("lora")
    assert found["registered"] == {"ok": 13, "LoraDeviceExists": 11}
    assert found["deleted"] == {"ok": 2, "DeviceNotFound": 2}
    assert found["told"] == {"ok": 8}
    assert found["known"] == found["present"] == 13
    assert found["messages"] == found["different"]


def test_a_device_is_deleted_once() -> None:
    found = race("deletions")
    assert found["outcomes"]["ok"] == 9  # one deletion, and the reports, stored or not
    assert found["outcomes"]["DeviceNotFound"] == 7
    assert found["deleted"] == 1
    assert found["total"] == 0


def test_desired_and_reported_values_at_once_lose_nothing() -> None:
    """Each value that was reported, before or after it was wanted, is DELIVERED and told once; of those
    who want one property otherwise, the last wins.
    """
    found = race("shadows")
    names = sorted(f"p{n}" for n in range(60))
    assert found["outcomes"] == {"ok": 150}
    assert found["desired"] == [["level", *names]] * 2
    assert found["reported"] == [names] * 2
    services = ("first", "second")
    assert found["states"]["others"] == {f"{each} DELIVERED": 60 for each in services}
    assert found["states"]["level"] == {
        f"{each} {status}": count
        for each in services
        for status, count in (("SUPERSEDED", 19), ("DELIVERED", 1))
    }
    assert found["told"] == {**{f"{each} DELIVERED": 61 for each in services}, "different": 122}
    assert found["waiting"] == []


def test_an_automation_starts_once_and_does_everything_once() -> None:
    found = race("automations")
    assert set(found["heard"]) == {"ok"}
    assert found["worked"] == {"ok": 16}
    assert found["runs"] == ["DONE"]
    assert found["commands"] == found["told"] == 1
    assert set(found["switched"]) == {"ok"}
    assert found["counts"] == [1] * 8
    assert found["deleted"] == {"ok": 1, "AutomationNotFound": 15}
    assert found["left"] == [0] * 8


def test_a_released_product_has_the_shape_in_which_it_was_released() -> None:
    """Of release, change and deletion each that was answered with success has happened, and no other."""
    found = race("released")
    assert all(found["kept"]), found
    assert set(found["outcomes"]) <= {
        "ok",
        "ProductReleased",
        "AlreadyReleased",
        "PointIndexTaken",
        "ProductNotFound",
        "Busy",
    }, found


def test_a_version_of_a_firmware_is_noted_once() -> None:
    found = race("firmwares")
    assert found["made"] == {"ok": 1, "FirmwareExists": 15}
    assert found["changed"]["ok"] >= 1
    assert set(found["changed"]) <= {"ok", "Busy"}
    assert found["taken"] == {"ok": 3, "FirmwareExists": 1}  # only the last one's is taken
    assert found["deleted"] == {"ok": 1, "FirmwareNotFound": 7}


def test_each_device_of_an_upgrade_is_queued_sent_to_and_settled_once() -> None:
    """Whatever comes at once: counters are the recount, no queue names the upgrade, each is told once."""
    found = race("upgrades")
    assert found["queued"] == {"ok": 16}
    assert found["sent"] == {"ok": 30, "Moved": 30}
    assert found["reported"] == {"ok": 180}
    assert found["counted"] == found["recount"]
    assert sum(found["recount"]) == 30
    assert found["left"] == []
    assert found["told"] == 30


def test_of_all_who_add_a_mac_address_one_does() -> None:
    found = race("mac_addresses")
    assert found["outcomes"]["ok"] in (4, 5)  # the workers, and one who adds or none
    assert found["outcomes"]["ok"] + found["outcomes"]["MacTaken"] == 16
    assert found["names"] == [60, 60]
    assert found["total"] == 60


def test_nobody_loses_an_extended_property() -> None:
    found = race("extended_properties")
    assert found["added"] == {"ok": 10, "ExtendedPropertyExists": 10}
    assert found["changed"] == {"ok": 30}
    assert found["names"] == sorted(f"p{number}" for number in range(10))
    assert found["least"] >= 1000


def test_of_all_who_bind_a_device_one_is_its_manager() -> None:
    """Both sides of each binding and all counts are compared between the steps."""
    found = race("managers")
    assert found["first"] == {"ok": 1, "BoundByOther": 31}
    assert found["second"] == {"ok": 24, "TooManyHolders": 7}
    assert found["full"] == 25
    assert (
        found["third"]["ok"] + found["third"].get("NotBound", 0) + found["third"].get("TooManyHolders", 0)
        == 16
    )
    assert found["seized"]["ok"] >= 1


def test_a_device_and_a_person_on_their_way_out_leave_no_binding() -> None:
    found = race("goings")
    assert set(found["seen"]) <= {"ok", "DeviceNotFound"}
    assert found["left"] == [0] * 12


def test_a_device_is_in_one_home_whatever_its_person_does_at_once() -> None:
    found = race("households")
    assert found["first"] == {"ok": 1, "HouseholdNameTaken": 3}
    assert found["full"] == {"ok": 18, "TooManyRooms": 2}
    assert found["rooms"] == 20
    expected = {"ok", "NotBound", "BoundAlready", "InvalidInput", "InOtherControlGroup"}
    assert set(found["outcomes"]) <= expected
    assert found["outcomes"]["ok"] > 20
    assert (found["placed"], found["once"], found["ordered"]) == (True, True, True)


@pytest.mark.timeout(900)
def test_writers_of_one_shadow_lose_nothing_and_are_refused_for_a_reason() -> None:
    """RACE_UPDATES=200 is the long run: `RACE_UPDATES=200 python -m tests.faults.races device_shadow`."""
    found = race("device_shadow", within=800, RACE_UPDATES=os.environ.get("RACE_UPDATES", "40"))
    assert found["unexpected"] == {}
    assert (found["wrong"], found["repeated"], found["undue"]) == (0, 0, 0)
    assert found["same"] is True
    assert found["acknowledged"] > 300
    assert found["refused"]["VersionConflict"] > 50


def test_a_message_about_a_shadow_is_applied_once_and_answered_alike() -> None:
    """Twenty messages of 16 senders each: one answer, one stamp; half are reports, of two services each."""
    found = race("shadow_repeats")
    assert found["answers"] == {"1": 20}
    assert found["stamps"] == 20
    assert found["history"] == 10 * 2


def test_a_share_has_one_end_and_makes_a_member_only_if_agreed() -> None:
    found = race("shares")
    assert found["wins"] == 12
    assert sum(found["states"].values()) == 12
    assert set(found["states"]) <= {"agreed", "refused", "canceled"}
    assert found["sides"]
    assert found["agreed"]
    assert set(found["other"]) <= {"ShareAgreed", "ShareRefused", "ShareCanceled"}
    assert found["scanned"]["ok"] == 11
    assert found["kept"] == 11
    assert found["left"] == 0
    assert found["repeated"] == {"ok": 1, "ShareRepeated": 7}
    assert found["exchanged"] == {"ok": 1, "InvalidToken": 7}


def test_as_many_devices_are_made_as_were_promised() -> None:
    """A name goes to the batch or to who registers it; of many who generate one list one does."""
    found = race("production", 200)
    assert found["generated"] == {"ok": 1, "BatchGenerated": 7}
    assert found["unexpected"] == {}
    assert found["lanes"] == [False] * 4
    lost = 20 - found["adding"]["NodeIdTaken"]
    assert found["listed"] == [[450, 450], [60 - lost, 60 - lost]]
    assert found["devices"] == [510, 510]
    assert found["total"] == 510


def test_a_bind_token_has_one_device_and_one_person() -> None:
    """Whatever the product says becomes of devices with a manager."""
    found = race("bind_tokens")
    refusals = {"BindTokenNotFound", "BoundByOther"}
    for reported, bound, others, held in found["rounds"]:
        assert (reported, bound, held) == (1, 1, 1)
        assert set(others) <= refusals
