"""Rotating the data key at the wire, and every way to log in after it."""

import json

import pytest

from chalicelib.aws import encryption
from chalicelib.core import key_versions, keys
from chalicelib.core.operators import Scope
from tests.support import ctwing, xlink
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.mqtt import Mqtt
from tests.support.operators import BASE, audit_of, operator_with, problem
from tests.support.process import forget_everything
from tests.support.queues import WorkQueue
from tests.support.shadow_api import log_in

ROTATIONS = f"{BASE}/encryption/rotations"


def settle(clock: FakeClock, work: WorkQueue) -> None:
    work.run()
    clock.advance(key_versions.SETTLED // 1000)
    work.run()


def test_a_rotation_from_its_start_to_the_end_of_the_old_key(
    root: Gateway, fleet: Fleet, clock: FakeClock, work: WorkQueue
) -> None:
    assert root.get(f"{BASE}/encryption").json == {"versions": [{"version": 1, "current": True}]}
    dry = root.post(f"{ROTATIONS}?dryRun=true")
    assert (dry.status, dry.json["kind"]) == (202, "count-secrets")
    work.run()
    assert root.get(f"{BASE}/encryption").json["versions"] == [{"version": 1, "current": True, "secrets": 1}]
    assert audit_of(root) == [], "what was only counted is not recorded"
    began = root.post(ROTATIONS)
    assert (began.status, began.json["kind"], began.json["state"]) == (202, "rotate-keys", "running")
    assert root.post(ROTATIONS).json["id"] == began.json["id"]
    version = f"{BASE}/encryption/versions/1"
    assert problem(root.delete(version)) == (409, "key-version-in-use")
    assert problem(root.delete(f"{version}?dryRun=true")) == (409, "key-version-in-use")
    settle(clock, work)
    job = root.get(f"{BASE}/jobs/{began.json['id']}").json
    assert (job["state"], job["done"], job["leftOut"]) == ("done", 1, 0)
    shown = root.get(f"{BASE}/encryption").json
    assert [(each["version"], each["secrets"]) for each in shown["versions"]] == [(1, 0), (2, 1)]
    assert shown["rotation"] == job["id"]
    assert problem(root.delete(f"{BASE}/encryption/versions/2")) == (409, "key-version-in-use")
    assert root.delete(f"{version}?dryRun=true").json["dryRun"] is True
    assert root.delete(version).json == {"kind": "key version", "id": "1", "name": "1", "dryRun": False}
    assert problem(root.delete(version)) == (404, "key-version-not-found")
    actions = [(each["action"], each["outcome"]) for each in audit_of(root)]
    assert actions.count(("encryption.rotate", "done")) == 2
    assert actions[:2] == [("encryption.retire", "refused"), ("encryption.retire", "done")]


@pytest.mark.parametrize("version", ["0", "x", "-1"])
def test_what_is_no_version(root: Gateway, version: str) -> None:
    assert problem(root.delete(f"{BASE}/encryption/versions/{version}"))[0] == 400


def test_scopes(fleet: Fleet, reader: Gateway) -> None:
    assert problem(reader.post(ROTATIONS)) == (403, "scope-missing")
    writer = operator_with(Scope.READ, Scope.WRITE, Scope.SECRETS)
    assert problem(writer.delete(f"{BASE}/encryption/versions/1")) == (403, "scope-missing")


def test_without_a_master_key(root: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.aws import keyring

    monkeypatch.setattr(keyring, "MARK", "other:")  # as if the environment gave a wrapped key
    assert problem(root.post(ROTATIONS)) == (409, "no-master-key")


def test_every_way_to_log_in_after_a_rotation(
    root: Gateway, fleet: Fleet, clock: FakeClock, work: WorkQueue
) -> None:
    app = Gateway()
    login = f"appId={fleet.application}&secret={fleet.secret}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def log_in_to_huawei() -> str:
        reply = app.call("POST", "/iocm/app/sec/v1.1.0/login", login, form)
        assert reply.status == 200
        return str(reply.json["accessToken"])

    headers = {"app_key": fleet.application, "Authorization": f"Bearer {log_in_to_huawei()}"}
    device = Gateway(headers).post(
        "/iocm/app/reg/v2.0.0/deviceCredentials",
        {"deviceInfo": {"nodeId": "meter-1"}, "productId": fleet.product.id},
    )
    ident, secret = device.json["deviceId"], device.json["secret"]
    key, key_secret = keys.create(fleet.application)
    assert Mqtt(ident, secret).authorize()["isAuthenticated"]
    root.post(ROTATIONS)
    settle(clock, work)
    assert root.delete(f"{BASE}/encryption/versions/1").status == 200
    forget_everything()
    assert encryption.current() == 2
    assert Mqtt(ident, secret).authorize()["isAuthenticated"]
    assert not Mqtt(ident, "0" * 20).authorize()["isAuthenticated"]
    log_in_to_huawei()
    assert Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": key_secret}).status == 200
    assert xlink.key_caller(fleet).headers["Access-Token"]
    assert log_in(fleet).headers
    assert root.get(f"{BASE}/me").status == 200
    stamp, body = str(clock.at), json.dumps({"content": {}, "deviceId": ident})
    signed = ctwing.signature(key_secret, key.id, stamp, {}, body)
    sent = Gateway({"application": key.id, "timestamp": stamp, "signature": signed}).call(
        "POST", "/aep_device_command_lwm_profile/command", body
    )
    assert sent.json.get("code") != 1001, sent.body
