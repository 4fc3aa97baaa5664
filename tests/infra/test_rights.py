"""The gate between the AWS calls of the whole suite and the functions' policies, with made-up records."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.config import _prepareconfig
from botocore.client import BaseClient

from infra.grants import Reason
from tests import rights as gate
from tests.support import rights, rights_gate
from tests.support.faults import Faults

SWEPT = ("sweep", "dynamodb:Query", "devices/index/by_deadline")
READ = ("work", "dynamodb:GetItem", "devices")
SENT = ("work", "sqs:SendMessage", "work")


@pytest.fixture
def made(aws: None, monkeypatch: pytest.MonkeyPatch) -> set[rights.Right]:
    noted: set[rights.Right] = set()
    monkeypatch.setattr(rights, "made", noted)
    return noted


def sweep() -> None:
    from chalicelib.handlers import schedules

    schedules.sweep()


def look() -> None:
    from chalicelib.aws.clients import client

    client("dynamodb").get_item(TableName="polything-test-keys", Key={"id": {"S": "k"}})


# Who called


def test_a_call_is_its_handlers(made: set[rights.Right]) -> None:
    sweep()
    assert SWEPT in made
    assert {who for who, _, _ in made} == {"sweep"}


def test_a_tests_own_call_is_nobodys(made: set[rights.Right]) -> None:
    look()
    assert not made


def test_what_a_test_does_in_the_middle_of_a_call_is_not_the_calls(
    made: set[rights.Right], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import registration

    faults = Faults.installed(monkeypatch)
    faults.before("Query", look)
    faults.before("Query", registration.sweep, skip=1)
    sweep()
    assert faults.met == 2
    assert SWEPT in made, "what only passes a wrapper of the test's is still the handler's"
    assert not [right for right in made if right[2] == "keys"]
    assert ("core/registration.py sweep", *SWEPT[1:]) in made, "the test called that, not the handler"


def test_a_wrappers_own_call_is_not_the_wrapped_one(
    made: set[rights.Right], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = BaseClient._make_api_call

    def metered(self: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if operation == "Query":
            key = {"id": {"S": "k"}}
            send(self, "GetItem", {"TableName": "polything-test-keys", "Key": key})
        return send(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", metered)
    sweep()
    assert SWEPT in made
    assert not [right for right in made if right[2] == "keys"]


def test_a_pools_thread_works_for_who_started_it(made: set[rights.Right]) -> None:
    source = "def perform(pool, work):\n    return pool.submit(work).result()\n"
    core: dict[str, Any] = {}
    exec(compile(source, "/x/chalicelib/core/pooled.py", "exec"), core)
    from chalicelib.aws.clients import client

    dynamodb = client("dynamodb")
    given = {"TableName": "polything-test-keys", "Key": {"id": {"S": "k"}}}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(look).result()
        assert not made
        core["perform"](pool, partial(dynamodb.get_item, **given))
    assert made == {("core/pooled.py perform", "dynamodb:GetItem", "keys")}


def test_a_secret_needs_kms_and_the_keyring(made: set[rights.Right]) -> None:
    from chalicelib.aws import encryption

    core: dict[str, Any] = {"encryption": encryption}
    source = "def write():\n    return encryption.encrypt('x', 't', 'r', 'f')\n"
    source += "def read(text):\n    return encryption.decrypt(text, 't', 'r', 'f')\n"
    exec(compile(source, "/x/chalicelib/core/secret.py", "exec"), core)
    assert core["read"](core["write"]()) == "x"
    reads = {("kms:Decrypt", "*"), ("dynamodb:GetItem", "keyring")}
    assert reads <= {right[1:] for right in made if right[0] == "core/secret.py read"}
    writes = {("kms:GenerateDataKeyWithoutPlaintext", "*"), ("dynamodb:PutItem", "keyring"), *reads}
    assert writes == {right[1:] for right in made if right[0] == "core/secret.py write"}


def test_jobs_and_sweeps_that_a_test_calls_are_their_functions() -> None:
    noted = {
        ("core/removal.py purge", *READ[1:]),
        ("core/registration.py sweep", *SWEPT[1:]),
        ("core/products.py create", "dynamodb:PutItem", "products"),
        ("deliver+redeliver", *SENT[1:]),
    }
    assert gate.called(noted) == {READ, SWEPT, ("deliver+redeliver", *SENT[1:])}


# What a call needs


@pytest.mark.parametrize(
    ("service", "operation", "given", "needs"),
    [
        ("dynamodb", "GetItem", {"TableName": "polything-dev-keys"}, {("dynamodb:GetItem", "keys")}),
        (
            "dynamodb",
            "Query",
            {"TableName": "polything-test-keys", "IndexName": "by_application"},
            {("dynamodb:Query", "keys/index/by_application")},
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]},
            {("dynamodb:PutItem", "a"), ("dynamodb:ConditionCheckItem", "b")},
        ),
        (
            "dynamodb",
            "TransactGetItems",
            {"TransactItems": [{"Get": {"TableName": "a"}}]},
            {("dynamodb:GetItem", "a")},
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"a": {}, "b": {}}},
            {("dynamodb:BatchGetItem", "a"), ("dynamodb:BatchGetItem", "b")},
        ),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "https://sqs/1/polything-test-work"},
            {("sqs:SendMessage", "work")},
        ),
        ("sns", "Publish", {"TopicArn": "arn:aws:sns:x:1:polything-test-codes"}, {("sns:Publish", "codes")}),
        ("s3", "HeadObject", {}, {("s3:GetObject", "packages")}),
        ("iot-data", "DeleteConnection", {}, {("iot:DeleteConnection", "*")}),
    ],
)
def test_a_call_needs_what_iam_asks_for(
    service: str, operation: str, given: dict[str, Any], needs: set[tuple[str, str]]
) -> None:
    assert set(rights.rights(service, operation, given)) == needs


# Both ways


def test_equal_is_well() -> None:
    assert gate.compare({READ, SENT}, {READ, SENT}, ()) == (set(), set(), [])


def test_a_call_without_a_right_is_found() -> None:
    assert gate.compare({READ, SENT}, {READ}, ()) == ({SENT}, set(), [])


def test_a_right_of_one_index_is_none_of_another() -> None:
    other = ("sweep", "dynamodb:Query", "devices/index/by_owner")
    assert gate.compare({SWEPT}, {other}, ()) == ({SWEPT}, {other}, [])


def test_a_right_without_a_call_is_found() -> None:
    assert gate.compare({READ}, {READ, SENT}, ()) == (set(), {SENT}, [])


def test_a_table_is_read_or_written_in_whatever_way() -> None:
    one = ("work", "dynamodb:GetItem", "devices")
    other = ("work", "dynamodb:BatchGetItem", "devices")
    write = ("work", "dynamodb:PutItem", "devices")
    elsewhere = ("work", "dynamodb:GetItem", "groups")
    assert gate.compare({one}, {one, other, write, elsewhere}, ()) == (set(), {write, elsewhere}, [])
    assert gate.compare({one, other}, {one}, ()) == ({other}, set(), [])


def test_what_an_earlier_run_has_used_is_used() -> None:
    kind = ("work", "read", "devices")
    assert gate.compare((), {READ, SENT}, (), seen=[kind]) == (set(), {SENT}, [])


def test_a_reason_for_what_happens_sometimes_holds_either_way() -> None:
    reason = Reason("work", "sqs:*", "work", "by chance", sometimes=True)
    assert gate.compare({READ}, {READ, SENT}, [reason]) == (set(), set(), [])
    assert gate.compare({READ, SENT}, {READ, SENT}, [reason]) == (set(), set(), [])


def test_what_is_kept_as_seen_is_granted() -> None:
    allowed = {gate._kind(right) for function in gate.GRANTS for right in gate.granted(function)}
    assert gate.seen() <= allowed
    assert len(gate.seen()) > 100


def test_a_reason_excuses_what_is_never_called() -> None:
    reason = Reason("work", "sqs:*", "work", "the queue's own")
    assert gate.compare({READ}, {READ, SENT}, [reason]) == (set(), set(), [])


@pytest.mark.parametrize("resource", ["work", "other"])
def test_a_reason_for_what_is_called_or_not_granted_is_found(resource: str) -> None:
    reason = Reason("work", "sqs:*", resource, "outdated")
    assert gate.compare({READ, SENT}, {READ, SENT}, [reason]) == (set(), set(), [reason])


def test_functions_of_one_handler_each_need_the_right_but_each_their_own_queue() -> None:
    both = ("deliver+redeliver", "dynamodb:GetItem", "targets")
    one = ("deliver", "dynamodb:GetItem", "targets")
    other = ("redeliver", "dynamodb:GetItem", "targets")
    assert gate.compare({both}, {one}, ()) == ({other}, set(), [])
    taken = ("deliver+redeliver", "sqs:DeleteMessage", "callback-retries")
    own = ("redeliver", "sqs:DeleteMessage", "callback-retries")
    assert gate.compare({taken}, {own}, ()) == (set(), set(), [])
    assert gate.compare({taken}, set(), ())[0] != set()


# Which runs are judged


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ([], True),
        (["tests"], True),
        (["-n", "0", "-x", "--durations", "5"], True),
        (["tests/unit"], False),
        (["tests/unit/test_tasks.py::test_x"], False),
        (["-k", "token"], False),
        (["-m", "stack"], False),
        (["--lf"], False),
        (["--deselect", "tests/unit"], False),
        (["--ignore", "tests/e2e"], False),
        (["--collect-only"], False),
    ],
)
def test_only_a_run_of_all_is_whole(
    arguments: list[str], whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gate.ROOT)
    config = _prepareconfig([*arguments, "-p", "no:cacheprovider"] if "--lf" not in arguments else arguments)
    try:
        assert rights_gate.whole(config) is whole
    finally:
        config._ensure_unconfigure()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(rights_gate, "whole", lambda config: config.whole)
    monkeypatch.setattr(gate, "RECORD", tmp_path / "cache" / "rights.txt")
    monkeypatch.setattr(gate, "judge", lambda made: ["called without a right: x"] if made else [])
    return SimpleNamespace(config=SimpleNamespace(whole=True, stash=pytest.Stash()), exitstatus=0)


def test_a_whole_run_fails_by_what_is_wrong(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "made", {READ})
    rights_gate.finish(session)
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED
    assert gate.kept() == {READ}
    shown: list[str] = []
    rights_gate.report(SimpleNamespace(config=session.config, section=shown.append, line=shown.append))  # type: ignore[arg-type]
    assert shown[1:] == ["called without a right: x"]


def test_a_whole_run_passes_where_nothing_is(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "made", set())
    rights_gate.finish(session)
    assert session.exitstatus == 0


@pytest.mark.parametrize(
    ("whole", "status", "kept"), [(False, 0, False), (True, 1, True), (True, 2, False), (False, 1, False)]
)
def test_a_narrowed_or_failed_run_is_not_judged(
    session: Any, monkeypatch: pytest.MonkeyPatch, whole: bool, status: int, kept: bool
) -> None:
    monkeypatch.setattr(rights, "made", {READ})
    session.config.whole, session.exitstatus = whole, status
    rights_gate.finish(session)
    assert session.exitstatus == status
    assert rights_gate.FOUND not in session.config.stash
    assert gate.RECORD.exists() is kept


def test_another_look_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gate, "RECORD", gate.ROOT / "no" / "such" / "record")
    assert gate.main([]) == 1
    assert "make test" in capsys.readouterr().err
