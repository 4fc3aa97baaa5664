"""The operator's command line: what it prints, what it changes, how it ends."""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import (
    accounts,
    applications,
    authority,
    devices,
    groups,
    keys,
    products,
    registration,
    subscriptions,
)
from chalicelib.core.applications import Application
from chalicelib.core.errors import WrongSecret
from chalicelib.core.registration import NewDevice
from infra.admin.__main__ import main
from infra.local import running
from infra.local.ports import listen
from tests.support.fleet import METER, Fleet, make_fleet, make_product

LAYOUT = {"reports": [{"service": "Meter", "fields": [{"name": "level", "type": "uint8"}]}]}
ABSENT = "f" * 32


class Operator:
    """Runs commands; `out` and `err` are what the last one printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def run(self, *line: object) -> int:
        self._capsys.readouterr()  # what jobs printed before
        code = main([str(word) for word in line])
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *line: object) -> Any:
        assert self.run(*line, "--json") == 0, self.err
        assert self.err == ""
        return json.loads(self.out)

    def refused(self, *line: object) -> str:
        """The one line of an expected failure."""
        assert self.run(*line) == 1
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert self.err.startswith("polything: ")
        return self.err


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """The meter's profile as one JSON file; its model differs from the fleet's own."""
    path = tmp_path / "meter.json"
    path.write_text(json.dumps(METER).replace('"M1"', '"M2"'), encoding="utf-8")
    return path


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(LAYOUT), encoding="utf-8")
    return path


def as_package(profile: Path, folder: Path) -> None:
    """The profile as the files of a package."""
    document = json.loads(profile.read_text(encoding="utf-8"))
    (folder / "profile").mkdir(parents=True)
    device = {"devices": document["devices"]}
    (folder / "profile" / "devicetype-capability.json").write_text(json.dumps(device), encoding="utf-8")
    service = folder / "service" / "Meter" / "profile"
    service.mkdir(parents=True)
    services = {"services": document["services"]}
    (service / "servicetype-capability.json").write_text(json.dumps(services), encoding="utf-8")


def zipped(folder: Path) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*.json")):
            archive.write(path, path.relative_to(folder))
    return target.getvalue()


@pytest.mark.usefixtures("aws")
def test_from_nothing_to_an_application_that_can_log_in(operator: Operator) -> None:
    tenant = operator.json("tenant", "create", "Acme")
    assert (len(tenant["id"]), tenant["name"]) == (32, "Acme")
    made = operator.json("application", "create", "--tenant", tenant["id"], "--name", "Billing")
    assert {"id", "tenant", "name", "created", "secret"} <= set(made)
    assert applications.verify(made["id"], made["secret"]).tenant == tenant["id"]
    listed = operator.json("application", "list", "--tenant", tenant["id"])
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["secret"] not in operator.out


def test_words_say_the_same_as_json(operator: Operator, fleet: Fleet) -> None:
    assert operator.run("application", "create", "--tenant", fleet.tenant, "--name", "Second") == 0
    secret = operator.out.split("secret")[1].split()[0]
    ident = operator.out.split()[1]
    assert isinstance(applications.verify(ident, secret), Application)
    assert "only now" in operator.out
    assert operator.run("application", "list", "--tenant", fleet.tenant) == 0
    heads, *rows = operator.out.splitlines()
    assert heads.split() == ["ID", "NAME", "CREATED"]
    assert {row.split()[0] for row in rows} == {fleet.application, ident}


def test_a_rotated_secret_ends_the_old_one(operator: Operator, fleet: Fleet) -> None:
    fresh = operator.json("application", "rotate-secret", fleet.application)["secret"]
    assert applications.verify(fleet.application, fresh).id == fleet.application
    with pytest.raises(WrongSecret):
        applications.verify(fleet.application, fleet.secret)
    assert operator.refused("application", "rotate-secret", ABSENT) == (
        f"polything: application not found: {ABSENT}\n"
    )


def test_keys_are_made_listed_and_revoked(operator: Operator, fleet: Fleet) -> None:
    line = ("--application", fleet.application)
    made = operator.json("key", "create", *line, "--name", "reports")
    assert keys.verify(made["id"], made["secret"]).caller == fleet.caller
    assert {made["name"], made["application"], made["tenant"]} == {"reports", *line[1:], fleet.tenant}
    assert operator.run("key", "list", *line) == 0
    assert made["id"] in operator.out
    assert made["secret"] not in operator.out
    assert operator.run("key", "create", *line) == 0
    assert "only now" in operator.out
    assert operator.json("key", "revoke", made["id"]) == {"id": made["id"]}
    assert len(operator.json("key", "list", *line)) == 1
    assert operator.refused("key", "revoke", made["id"]) == f"polything: invalid key: {made['id']}\n"
    for verb in ("create", "list"):
        assert "application not found" in operator.refused("key", verb, "--application", ABSENT)


def test_accounts_get_their_password_from_standard_input(
    operator: Operator, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def type_in(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    line = ("account", "create", "--application", fleet.application, "--login")
    type_in("correct horse\r\n")
    made = operator.json(*line, "Ann@Acme.Example")
    assert (made["login"], made["tenant"]) == ("ann@acme.example", fleet.tenant)
    assert accounts.verify("ann@acme.example", "correct horse").id == made["id"]
    type_in("another horse")
    assert operator.json("account", "set-password", made["id"])["login"] == "ann@acme.example"
    assert accounts.verify("ann@acme.example", "another horse").id == made["id"]
    assert operator.run("account", "list", "--tenant", fleet.tenant) == 0
    assert "ann@acme.example" in operator.out
    assert "scrypt" not in operator.out
    type_in("correct horse")
    assert "login taken" in operator.refused(*line, "ann@acme.example")
    type_in("short")
    assert "8 to 256 characters" in operator.refused(*line, "bob@acme.example")
    assert "neither an e-mail address nor a phone number" in operator.refused(*line, "bob")
    assert operator.json("account", "delete", made["id"]) == {"id": made["id"]}
    assert operator.json("account", "list", "--tenant", fleet.tenant) == []
    for verb in ("delete", "set-password"):
        assert "account not found" in operator.refused("account", verb, made["id"])


def test_a_password_that_is_typed_is_typed_twice(
    operator: Operator, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["correct horse", "correct house", "correct horse", "correct horse"])
    monkeypatch.setattr("infra.admin.accounts.getpass", lambda _prompt: next(typed))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    line = ("account", "create", "--application", fleet.application, "--login", "ann@acme.example")
    assert "differ" in operator.refused(*line)
    assert operator.run(*line) == 0
    assert "horse" not in operator.out
    assert accounts.verify("ann@acme.example", "correct horse")


def test_the_rate_of_an_application_is_set(operator: Operator, fleet: Fleet) -> None:
    made = operator.json("application", "set-rate", fleet.application, "--calls", 250)
    assert (made["id"], made["rate"]) == (fleet.application, 250)
    assert applications.find(fleet.application).rate == 250
    assert operator.json("application", "list", "--tenant", fleet.tenant)[0]["rate"] == 250
    assert "rate must be 1 to 1000000" in operator.refused(
        "application", "set-rate", fleet.application, "--calls", 0
    )
    assert operator.refused("application", "set-rate", ABSENT, "--calls", 5) == (
        f"polything: application not found: {ABSENT}\n"
    )


def test_an_application_is_allowed_to_act_for_another_and_no_longer(operator: Operator, fleet: Fleet) -> None:
    helper = applications.create_application(fleet.tenant, "helper")[0].id
    pair = ("--owner", fleet.application, "--grantee", helper)
    assert operator.json("authorization", "grant", *pair)["grantee"] == helper
    assert [one["grantee"] for one in operator.json("authorization", "list", *pair[:2])] == [helper]
    acting = authority.caller(fleet.tenant, helper, fleet.application)
    subscriptions.create(acting, "huawei", "bindDevice", "https://93.184.215.14:443/x", owners=True)
    left = operator.json("authorization", "revoke", *pair)["subscriptionsLeft"]
    assert [one["notifyType"] for one in left] == ["bindDevice"]
    assert operator.json("authorization", "list", *pair[:2]) == []
    assert "not authorized" in operator.refused("authorization", "revoke", *pair)


def test_a_grant_across_tenants_has_to_be_meant(operator: Operator, fleet: Fleet) -> None:
    other = make_fleet("other")
    pair = ("--owner", fleet.application, "--grantee", other.application)
    assert f"another tenant, {other.tenant}" in operator.refused("authorization", "grant", *pair)
    operator.json("authorization", "grant", *pair, "--across-tenants")


@pytest.mark.parametrize("form", ["json", "folder", "zip"])
def test_a_product_is_imported_from_each_form_of_a_profile(
    operator: Operator, fleet: Fleet, profile: Path, layout: Path, tmp_path: Path, form: str
) -> None:
    path = profile
    if form != "json":
        path = tmp_path / "package"
        as_package(profile, path)
    if form == "zip":
        (tmp_path / "package.zip").write_bytes(zipped(path))
        path = tmp_path / "package.zip"
    line = ("product", "import", "--tenant", fleet.tenant, "--profile", path, "--layout", layout)
    made = operator.json(*line, "--node-type", "gateway")
    assert (made["name"], made["nodeType"], made["manufacturerId"]) == ("M2", "gateway", "acme")
    assert made["layout"] == LAYOUT
    stored = products.get(fleet.tenant, made["id"])
    assert stored.node_type is products.NodeType.GATEWAY
    service = products.model_of(stored).service("Meter")
    assert service is not None
    assert service.command("SET_LEVEL") is not None
    assert operator.json("product", "show", made["id"]) == made
    listed = operator.json("product", "list", "--tenant", fleet.tenant)
    assert {one["id"] for one in listed} == {fleet.product.id, made["id"]}


def test_a_product_is_shown_in_words(operator: Operator, fleet: Fleet) -> None:
    assert operator.run("product", "show", fleet.product.id) == 0
    for text in ("service Meter", "property level: int 0..100 RWE", "command SET_LEVEL(value: int)"):
        assert text in operator.out
    assert operator.run("product", "list", "--tenant", fleet.tenant) == 0
    assert fleet.product.id in operator.out


def test_what_other_systems_know_products_and_groups_by_is_shown(operator: Operator, fleet: Fleet) -> None:
    product = fleet.product.id
    shown = operator.json("product", "show", product)
    assert (shown["number"], shown["shortId"]) == (fleet.product.number, fleet.product.short_id)
    assert operator.json("product", "show-key", product)["key"] == products.key_of(fleet.product)
    assert "product not found" in operator.refused("product", "show-key", ABSENT)
    line = ("group", "list", "--application", fleet.application)
    assert operator.json(*line) == []
    made = groups.create(fleet.caller, "One")
    groups.create(make_fleet("other").caller, "Theirs")
    assert operator.json(*line) == [{"id": made.id, "number": made.number, "name": "One", "members": 0}]
    assert operator.run(*line) == 0
    assert str(made.number) in operator.out
    assert "application not found" in operator.refused("group", "list", "--application", ABSENT)


def test_model_and_layout_are_replaced(operator: Operator, fleet: Fleet, profile: Path, layout: Path) -> None:
    product = fleet.product.id
    text = profile.read_text(encoding="utf-8").replace("SET_LEVEL", "FILL_UP")
    profile.write_text(text, encoding="utf-8")
    changed = operator.json("product", "set-model", product, "--profile", profile)
    assert changed["thingModel"]["services"][0]["commands"][0]["name"] == "FILL_UP"
    assert changed["model"] == "M1"
    assert operator.json("product", "set-layout", product, "--layout", layout)["layout"] == LAYOUT
    products.forget()
    assert json.loads(products.get(fleet.tenant, product).layout or "") == LAYOUT
    assert operator.json("product", "set-layout", product, "--none")["layout"] is None


def test_a_device_is_attached_to_a_gateway_and_detached(operator: Operator, fleet: Fleet) -> None:
    gateways = make_product(fleet.tenant, products.NodeType.GATEWAY, model="G1")
    gateway, child = (
        registration.register(
            fleet.caller, NewDevice(name, registration.BY_SECRET, product=product.id)
        ).device
        for name, product in (("gateway", gateways), ("child", fleet.product))
    )
    line = ("--application", fleet.application, "--device", child.device)
    attached = operator.json("device", "attach", *line, "--gateway", gateway.device)
    assert attached == {"device": child.device, "nodeId": "child", "gateway": gateway.device}
    assert devices.get(fleet.caller, child.device).gateway == gateway.device
    assert operator.run("device", "detach", *line) == 0
    assert operator.out == f"device {child.device} (child) is a direct device\n"
    assert devices.get(fleet.caller, child.device).gateway == child.device
    assert "is no gateway" in operator.refused(
        "device", "attach", *line[:3], gateway.device, "--gateway", child.device
    )
    assert "device not found" in operator.refused("device", "attach", *line, "--gateway", ABSENT)
    assert "application not found" in operator.refused(
        "device", "detach", "--application", ABSENT, "--device", child.device
    )


def test_refusals_are_one_line_and_change_nothing(
    operator: Operator, fleet: Fleet, profile: Path, tmp_path: Path
) -> None:
    imported = ("product", "import", "--tenant", fleet.tenant, "--profile")
    assert "absent.zip cannot be read" in operator.refused(*imported, tmp_path / "absent.zip")
    (tmp_path / "empty").mkdir()
    assert "devicetype-capability.json is missing" in operator.refused(*imported, tmp_path / "empty")
    profile.write_text(json.dumps(METER), encoding="utf-8")
    assert "product exists: Again" in operator.refused(*imported, profile, "--name", "Again")
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text('{"reports": 1}', encoding="utf-8")
    assert "is not a field layout" in operator.refused(*imported, profile, "--layout", spoilt)
    assert "is not a field layout" in operator.refused(
        "product", "set-layout", fleet.product.id, "--layout", spoilt
    )
    assert "product not found" in operator.refused("product", "show", ABSENT)
    stranger = ("product", "import", "--tenant", ABSENT, "--profile", profile)
    assert f"tenant {ABSENT} does not exist" in operator.refused(*stranger)
    assert "does not exist" in operator.refused("application", "list", "--tenant", ABSENT)
    assert "does not exist" in operator.refused("application", "create", "--tenant", ABSENT, "--name", "x")
    assert "name is empty" in operator.refused("tenant", "create", " ")
    assert [one.id for one in products.list_products(fleet.tenant)] == [fleet.product.id]


@pytest.mark.parametrize(
    "line",
    [
        (),
        ("tenant",),
        ("tenant", "destroy"),
        ("tenant", "create"),
        ("product", "import", "--tenant", "x"),
        ("product", "import", "--tenant", "x", "--profile", "y", "--node-type", "other"),
        ("product", "set-layout", "x", "--layout", "y", "--none"),
        ("product", "set-layout", "x"),
    ],
)
def test_wrong_usage_is_exit_code_2(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [(), ("tenant", "create"), ("application", "create"), ("product", "import"), ("device", "attach")],
)
def test_help_shows_an_example(line: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main((*line, "--help"))
    assert ended.value.code == 0
    assert "example" in capsys.readouterr().out


@pytest.mark.usefixtures("clock")
def test_a_wrong_prefix_is_one_line(operator: Operator) -> None:
    from moto import mock_aws

    from tests.support.process import forget_everything

    with mock_aws():
        forget_everything()
        assert "check POLYTHING_PREFIX" in operator.refused("application", "list", "--tenant", ABSENT)
    forget_everything()


def test_no_cloud_at_all_is_one_line(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("POLYTHING_PREFIX", "POLYTHING_STAGE"):
        monkeypatch.delenv(name, raising=False)
    assert "no local cloud runs here" in operator.refused("tenant", "create", "x")
    assert f"no local cloud runs in {tmp_path}" in operator.refused(
        "tenant", "create", "x", "--state", tmp_path
    )


def test_a_running_local_cloud_is_found_and_one_that_crashed_is_not(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as tables:
        endpoint = f"http://127.0.0.1:{tables.getsockname()[1]}"
        env = {
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "POLYTHING_PREFIX": "polything-x y",
            "HOME": "/root",
        }
        running.announce(tmp_path, env)
        assert running.find(tmp_path) == {name: value for name, value in env.items() if name != "HOME"}
        assert (tmp_path / "cloud.env").stat().st_mode & 0o777 == 0o600
        running.announce(tmp_path, {**env, "AWS_ACCESS_KEY_ID": "mine"})
        assert "AWS_SECRET_ACCESS_KEY" not in (running.find(tmp_path) or {})
    assert running.find(tmp_path) is None
    assert running.find(tmp_path / "elsewhere") is None


def test_the_environment_is_as_before(operator: Operator, fleet: Fleet) -> None:
    before = dict(os.environ)
    operator.json("product", "list", "--tenant", fleet.tenant)
    assert dict(os.environ) == before


def test_packages_are_uploaded_listed_shown_and_deleted(
    operator: Operator, fleet: Fleet, tmp_path: Path
) -> None:
    path = tmp_path / "meter-2.bin"
    path.write_bytes(b"version two")
    os.utime(path, (0, 86_400))
    line = ("package", "upload", path, "--application", fleet.application, "--type", "firmware")
    named = (*line, "--name", "meter", "--version", "2.0")
    made = operator.json(*named, "--product", fleet.product.id, "--description", "faster")
    uploaded = made.pop("uploaded")
    assert uploaded.endswith("Z")
    assert made == {
        "id": made["id"],
        "application": fleet.application,
        "type": "firmware",
        "name": "meter",
        "version": "2.0",
        "deviceType": "Meter",
        "model": "M1",
        "manufacturerName": "Acme",
        "protocolType": "MQTT",
        "description": "faster",
        "date": "1970-01-02",
        "bytes": 11,
        "sha256": hashlib.sha256(b"version two").hexdigest(),
    }
    assert "package exists" in operator.refused(*named, "--product", fleet.product.id)
    assert operator.json("package", "list", "--application", fleet.application)[0]["id"] == made["id"]
    assert operator.json("package", "show", made["id"])["sha256"] == made["sha256"]
    assert operator.run("package", "list", "--application", fleet.application) == 0
    assert "meter" in operator.out
    assert operator.run("package", "delete", made["id"]) == 0
    assert "deleted meter 2.0" in operator.out
    assert "package not found" in operator.refused("package", "show", made["id"])
    assert operator.json("package", "list", "--application", fleet.application) == []


def test_packages_that_are_refused(operator: Operator, fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "meter-2.bin"
    path.write_bytes(b"version two")
    line = ("--application", fleet.application, "--type", "software", "--name", "meter", "--version", "2.0")
    make = ("--device-type", "Meter", "--manufacturer-name", "Acme")
    assert "--model is missing" in operator.refused("package", "upload", path, *line, *make)
    whole = (*line, *make, "--model", "M1")
    assert "yyyy-mm-dd" in operator.refused("package", "upload", path, *whole, "--date", "today")
    assert "cannot be read" in operator.refused("package", "upload", tmp_path / "nothing", *whole)
    path.write_bytes(b"")
    assert "is empty" in operator.refused("package", "upload", path, *whole)
    stranger = ("--application", ABSENT, *whole[2:])
    assert "application not found" in operator.refused("package", "upload", path, *stranger)
