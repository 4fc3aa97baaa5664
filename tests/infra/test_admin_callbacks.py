"""The command line's callbacks and jobs, formats of models, and progress."""

import io
import json
from pathlib import Path

import pytest

from chalicelib.core import audit, callbacks, subscriptions, targets
from infra.admin import progress
from infra.admin.progress import Bar, Watched
from tests.dialects.operator.test_callbacks import ORIGIN, URL, bodies, logged
from tests.infra.test_admin import ABSENT, Operator
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.operators import add_device
from tests.support.queues import WorkQueue


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def found(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(callbacks, "check_url", lambda *_: None)
    return subscriptions.create(fleet.caller, "huawei", "deviceAdded", URL).id


def test_who_is_told_and_resuming(operator: Operator, fleet: Fleet, found: str, clock: FakeClock) -> None:
    of = ("--application", fleet.application)
    assert operator.json("callback", "list", *of)[0]["target"] == ORIGIN
    paused = targets.Health(9, 0, clock.at + 5, clock.at, clock.at)
    targets.note(f"{fleet.application}|{ORIGIN}", targets.HEALTHY, paused)
    assert operator.run("callback", "list", *of) == 0
    assert "paused since 2023-11-14T22:13:20Z" in operator.out
    assert "secret" not in operator.out
    (shown,) = operator.json("callback", "resume", *of, "--target", ORIGIN)
    assert (shown["id"], shown["pausedSince"]) == (found, None)


def test_the_log_and_replays(operator: Operator, fleet: Fleet, found: str, clock: FakeClock) -> None:
    of = ("--application", fleet.application, "--subscription", found)
    entries = [logged(fleet, found, clock) for _ in range(3)]
    page = operator.json("callback", "log", *of, "--limit", 2)
    rest = operator.json("callback", "log", *of, "--cursor", page["cursor"])
    assert [each["id"] for each in page["deliveries"] + rest["deliveries"]] == entries[::-1]
    assert operator.run("callback", "log", *of) == 0
    assert "given up" in operator.out
    one = operator.json("callback", "replay", *of, "--entry", entries[0])
    assert [each.id for each in bodies()] == [one["delivery"]]
    job = operator.json("callback", "replay", *of, "--from", "2023-11-14")
    WorkQueue(clock).run()
    assert operator.json("job", "show", job["id"], "--wait")["done"] == 3
    dead = operator.json("callback", "replay-dead-letters")
    listed = operator.json("job", "list")
    assert {each["id"] for each in listed} == {job["id"], dead["id"]}
    assert operator.run("job", "list") == 0
    assert "replay-dead-letters" in operator.out
    assert "is missing" in operator.refused("callback", "replay", *of)
    assert "delivery not found" in operator.refused("callback", "replay", *of, "--entry", ABSENT)
    actions = [each.action for each in audit.page(None, None, None, 50).entries]
    assert actions.count("callback.replay") == 4
    assert actions.count("callback.log") == 0


def test_models_in_and_out(operator: Operator, fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    for kind in ("huawei", "feiyan", "xlink", "polything"):
        value = operator.json("product", "export", fleet.product.id, "--format", kind)
        path.write_text(json.dumps(value).replace('"M1"', f'"{kind}"'), encoding="utf-8")
        line = ("--tenant", fleet.tenant, "--profile", path, "--format", kind, "--name", kind)
        made = operator.json("product", "import", *line)
        assert "level" in json.dumps(made["thingModel"])
        assert operator.json("product", "set-model", made["id"], "--profile", path, "--format", kind)
        assert operator.json("product", "delete", made["id"], "--dry-run")["dryRun"] is True
        assert operator.json("product", "delete", made["id"]) == {"id": made["id"]}
        assert operator.refused("product", "show", made["id"])
    path.write_text("[1]", encoding="utf-8")
    refused = operator.refused(
        "product", "import", "--tenant", fleet.tenant, "--profile", path, "--format", "xlink"
    )
    assert refused
    add_device(fleet, "meter-1")
    assert "product in use" in operator.refused("product", "delete", fleet.product.id, "--dry-run")


def test_devices_are_found(operator: Operator, fleet: Fleet) -> None:
    ident = add_device(fleet, "meter-1", mac_key="0A1B2C3D4E5F", name="roof")
    of = ("device", "search", "--tenant", fleet.tenant)
    for line in (("--id", "0a:1b:2c:3d:4e:5f"), ("--name", "roof", "--product", fleet.product.id)):
        (shown,) = operator.json(*of, *line)
        assert shown["id"] == ident
    assert operator.run(*of, "--id", "meter-1") == 0
    assert "0A1B2C3D4E5F" in operator.out
    assert operator.run(*of, "--id", "meter-2") == 0
    assert "has no such device" in operator.out
    assert "--product is missing" in operator.refused(*of, "--name", "roof")
    assert "tenant not found" in operator.refused("device", "search", "--tenant", ABSENT, "--id", "x")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_for_people() -> None:
    out, pipe = Terminal(), io.StringIO()
    for where in (out, pipe):
        shown = Bar("uploading", 200, where)
        for done in (0, 1, 100, 200, 300):
            shown.show(done)
        shown.end()
    lines = out.getvalue().split("\r")
    assert [line.split()[-1] for line in lines[1:]] == ["0%", "50%", "100%"]
    assert len({len(line.split("]")[0]) for line in lines[1:]}) == 1
    assert out.getvalue().endswith("\n")
    assert pipe.getvalue() == ""


def test_a_count_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", out)
    with progress.bar("replay") as shown:
        for done in (0, 25, 25):
            shown.show(done)
    assert out.getvalue() == "\rreplay 0\rreplay 25\n"


def test_a_file_is_watched() -> None:
    out = Terminal()
    source = Watched(io.BytesIO(b"x" * 10), Bar("u", 10, out))
    assert source.read(5) + source.read() == b"x" * 10
    source.seek(0)
    assert source.tell() == 0
    assert "100%" in out.getvalue()
