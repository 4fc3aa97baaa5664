"""A new data key, and every secret encrypted anew under it, whatever happens meanwhile."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib import settings
from chalicelib.aws import encryption, keyring
from chalicelib.core import (
    app_channels,
    bind_tokens,
    credentials,
    jobs,
    key_versions,
    keys,
    lora_records,
    operating,
    production,
    products,
    rules,
)
from chalicelib.core.errors import KeyVersionInUse, KeyVersionNotFound, NoMasterKey
from chalicelib.core.jobs import State
from chalicelib.core.lora_records import Role
from chalicelib.core.rules import Channel, Destination
from chalicelib.store import secrets
from chalicelib.store.devices import BIND_TOKEN, CREDENTIALS, CredentialsRecord, DeviceBindTokenRecord
from chalicelib.store.transactions import Transaction
from infra.grants import GRANTS
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.operators import add_device
from tests.support.queues import WorkQueue

BIND = "ab" * 16


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def wrapped(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stage whose data keys KMS wraps."""
    monkeypatch.setenv("POLYTHING_KMS_KEY", boto3.client("kms").create_key()["KeyMetadata"]["Arn"])
    monkeypatch.delenv("POLYTHING_DATA_KEY")
    settings.settings.cache_clear()
    encryption.forget()
    yield
    monkeypatch.undo()
    settings.settings.cache_clear()


def stored(table: str = "") -> list[str]:
    """Every encrypted text of every table, found without our own registry of them."""
    dynamodb = boto3.client("dynamodb")
    found = []
    for name in dynamodb.list_tables()["TableNames"]:
        for item in dynamodb.scan(TableName=name)["Items"] if table in name else ():
            for value in item.values():
                text = value.get("S", "")
                if text[:2] in ("1:", "2:", "3:") and len(text) > 30:
                    found.append(text)
    return found


def versions() -> set[str]:
    return {text.partition(":")[0] for text in stored()}


def rotated(clock: FakeClock, work: WorkQueue) -> jobs.Job:
    job = key_versions.rotate()
    settle(clock, work)
    return jobs.find(job.id)


def settle(clock: FakeClock, work: WorkQueue) -> None:
    work.run()
    clock.advance(key_versions.SETTLED // 1000)
    work.run()
    assert not work.failures


def everything(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One of each secret."""
    monkeypatch.setattr("chalicelib.core.callbacks.check_url", lambda *_: None)
    device = add_device(fleet, "meter-1")
    key, secret = keys.create(fleet.application)
    url = "http://203.0.113.9:9000/hook"
    to = Destination(Channel.HTTP, url, "rule token")
    rule = rules.create(fleet.caller, "xlink", fleet.product.id, ["datapoint"], to)
    values = {name: f"lora {name}" for name in lora_records.SECRETS}
    change = Transaction()
    change.put(lora_records.record(device, fleet.tenant, "server", Role.NODE, "eui", values))
    change.commit()
    assert bind_tokens.report(device, BIND)
    batch = production.upload(fleet.caller, fleet.product.id, ["meter-2"]).id
    return {
        "device": device,
        "key": key.id,
        "secret": secret,
        "rule": rule,
        "values": values,
        "batch": batch,
        "drawn": drawn(fleet, batch),
        "channel": app_channels.issue(fleet.caller, "phone"),
    }


def drawn(fleet: Fleet, batch: str) -> str:
    """The secret of the first device of a batch."""
    return production.Positions(production.record_of(fleet.caller, batch)).secret(0)


def test_every_secret_stands_under_the_new_key_and_is_the_same(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = everything(fleet, monkeypatch)
    before = CredentialsRecord.find(made["device"], CREDENTIALS)
    assert before is not None
    assert before.secret
    assert before.psk
    plain = [encryption.decrypt(before.secret, fleet.tenant, made["device"], "secret")]
    product_key = products.key_of(fleet.product)
    count = len(stored())
    assert versions() == {"1"}
    job = rotated(clock, work)
    assert (job.state, job.left_out) == (State.DONE, 0)
    assert job.done == count == len(stored())
    assert versions() == {"2"}
    encryption.forget()  # another process
    after = CredentialsRecord.find(made["device"], CREDENTIALS)
    assert after is not None
    assert after.secret
    assert [encryption.decrypt(after.secret, fleet.tenant, made["device"], "secret")] == plain
    assert products.key_of(products.get(fleet.tenant, fleet.product.id)) in (product_key,)
    keys.forget()
    assert keys._read(made["key"])[1] == made["secret"]
    (shown,) = rules.list_rules(fleet.caller, "xlink", fleet.product.id)
    assert shown.destination.token == "rule token"
    assert drawn(fleet, made["batch"]) == made["drawn"]
    assert app_channels.issue(fleet.caller, "phone") == made["channel"]
    assert bind_tokens.shown(DeviceBindTokenRecord.find(made["device"], BIND_TOKEN)) == BIND
    held = key_versions.show()
    assert [(each.version, each.current, each.secrets) for each in held.versions] == [
        (1, False, 0),
        (2, True, count),
    ]
    key_versions.retire(1)
    assert [each.version for each in key_versions.show().versions] == [2]


def test_a_secret_of_another_tenant_does_not_decrypt_after_a_rotation(
    fleet: Fleet, clock: FakeClock, work: WorkQueue
) -> None:
    from cryptography.exceptions import InvalidTag

    device = add_device(fleet, "meter-1")
    rotated(clock, work)
    record = CredentialsRecord.find(device, CREDENTIALS)
    assert record is not None
    assert record.secret
    other = make_fleet("other")
    with pytest.raises(InvalidTag):
        encryption.decrypt(record.secret, other.tenant, device, "secret")


def test_a_process_with_an_old_keyring_reads_what_another_wrote(
    fleet: Fleet, clock: FakeClock, calls: Calls
) -> None:
    old = encryption._ring
    key_versions.rotate()
    text = encryption.encrypt("hush", "t", "r", "f")
    assert text.startswith("2:")
    encryption.forget()
    encryption._ring = old
    calls.clear()
    assert encryption.encrypt("x", "t", "r", "f").startswith("1:"), "it does not know yet"
    assert calls.made == []
    assert encryption.decrypt(text, "t", "r", "f") == "hush"
    assert calls.made == ["dynamodb.GetItem"]
    calls.clear()
    assert encryption.decrypt(encryption.encrypt("more", "t", "r", "f"), "t", "r", "f") == "more"
    assert calls.made == []


def test_after_a_while_every_process_encrypts_under_the_new_key(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    assert encryption.current() == 1
    old = encryption._ring
    assert old is not None
    key_versions.rotate()
    encryption._ring = old
    monkeypatch.setattr("time.time", lambda: old[0] + encryption.FRESH)
    calls.clear()
    assert encryption.encrypt("x", "t", "r", "f").startswith("2:")
    assert calls.made == ["dynamodb.GetItem"]


def test_the_walk_waits_for_processes_that_do_not_know_the_key(
    fleet: Fleet, clock: FakeClock, work: WorkQueue
) -> None:
    encryption.current()
    old = encryption._ring
    key_versions.rotate()
    work.run()
    assert versions() == {"1"}, "the walk has begun too early"
    new, encryption._ring = encryption._ring, old
    late = add_device(fleet, "late")  # by a process that does not know
    encryption._ring = new
    clock.advance(key_versions.SETTLED // 1000)
    work.run()
    assert versions() == {"2"}
    assert late


def test_a_secret_that_an_application_changes_meanwhile_survives(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = add_device(fleet, "meter-1")
    replace = secrets.replace
    changed: list[str] = []

    def overtaken(held: secrets.Sealed, texts: Any) -> bool:
        if held.record == device and not changed:
            changed.append(device)
            change = Transaction()
            credentials.amend(change, fleet.tenant, device, psk="f" * 32)
            change.commit()
        return replace(held, texts)

    monkeypatch.setattr(secrets, "replace", overtaken)
    job = rotated(clock, work)
    record = CredentialsRecord.find(device, CREDENTIALS)
    assert record is not None
    assert record.psk
    assert record.secret
    assert encryption.decrypt(record.psk, fleet.tenant, device, "psk") == "f" * 32
    assert encryption.decrypt(record.secret, fleet.tenant, device, "secret")
    assert (versions(), job.left_out, changed) == ({"2"}, 0, [device])


def test_a_secret_that_goes_meanwhile_stays_gone(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = add_device(fleet, "meter-1")
    replace = secrets.replace

    def overtaken(held: secrets.Sealed, texts: Any) -> bool:
        if held.record == device:
            CredentialsRecord(device, CREDENTIALS).delete()
        return replace(held, texts)

    monkeypatch.setattr(secrets, "replace", overtaken)
    rotated(clock, work)
    assert CredentialsRecord.find(device, CREDENTIALS) is None


def test_a_worker_that_dies_between_steps_is_taken_up(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "AT_ONCE", 2)
    for number in range(5):
        add_device(fleet, f"meter-{number}")
    count, moved = len(stored()), jobs._moved
    died: list[bool] = []

    def dying(*arguments: Any) -> bool:
        if len(died) < 3 and arguments[1].done:
            died.append(True)
            raise MemoryError
        return moved(*arguments)

    monkeypatch.setattr(jobs, "_moved", dying)
    job = key_versions.rotate()
    clock.advance(key_versions.SETTLED // 1000)
    for _ in range(4):
        work.run()
        clock.advance(130)
    assert (len(work.failures), jobs.find(job.id).state) == (3, State.DONE)
    assert versions() == {"2"}
    assert {each.version: each.secrets for each in key_versions.show().versions} == {1: 0, 2: count}


def test_steps_done_twice_count_once(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    add_device(fleet, "meter-1")
    job = rotated(clock, work)
    before = stored()
    operating.perform(job.id)
    assert stored() == before
    again = key_versions.count()
    work.run()
    assert jobs.find(again.id).done == 0
    assert stored() == before


def test_two_rotations_at_once_make_one_key(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = encryption.ring
    others: list[str] = []

    def overtaken() -> keyring.Ring:
        found = ring()
        if not others:
            others.append("")
            others[0] = key_versions.rotate().id
        return found

    monkeypatch.setattr(encryption, "ring", overtaken)
    job = key_versions.rotate()
    assert [job.id] == others
    assert ring().current == 2
    settle(clock, work)
    assert versions() == {"2"}
    assert key_versions.rotate().id != job.id
    assert ring().current == 3


def test_a_rotation_whose_message_was_lost_is_started_by_asking_again(
    fleet: Fleet, clock: FakeClock, work: WorkQueue
) -> None:
    job = key_versions.rotate()
    work.lose()
    assert key_versions.rotate().id == job.id
    settle(clock, work)
    assert jobs.find(job.id).state is State.DONE


def test_a_version_in_use_is_not_retired(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    device = add_device(fleet, "meter-1")
    for version, error in ((1, KeyVersionInUse), (2, KeyVersionNotFound)):
        with pytest.raises(error):
            key_versions.retire(version)
    early = key_versions.count()
    work.run()
    assert jobs.find(early.id).state is State.DONE
    key_versions.rotate()
    with pytest.raises(KeyVersionInUse, match="not counted"):
        key_versions.retire(1)
    record = CredentialsRecord.find(device, CREDENTIALS)
    assert record is not None
    assert record.psk
    moved = record.psk[:-8] + "AAAAAAA="
    record.update([CredentialsRecord.psk.set(moved)])  # nobody can read it
    settle(clock, work)
    (job,) = [each for each in jobs.list_jobs() if each.kind == key_versions.ROTATE]
    assert (job.state, job.left_out) == (State.DONE, 1)
    with pytest.raises(KeyVersionInUse, match="1 secrets"):
        key_versions.check(1)
    record.delete()
    key_versions.count()
    work.run()
    key_versions.retire(1)
    with pytest.raises(KeyVersionNotFound):
        key_versions.retire(1)


def test_counting_changes_nothing(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    add_device(fleet, "meter-1")
    before = stored()
    job = key_versions.count()
    work.run()
    assert stored() == before
    assert jobs.find(job.id).done == 0
    assert [each.secrets for each in key_versions.show().versions] == [len(before)]


def test_keys_wrapped_by_kms(wrapped: None, clock: FakeClock, work: WorkQueue, calls: Calls) -> None:
    fleet = make_fleet()
    device = add_device(fleet, "meter-1")
    calls.clear()
    key_versions.rotate()
    assert calls.made == [
        "dynamodb.GetItem",
        "kms.GenerateDataKeyWithoutPlaintext",
        "dynamodb.TransactWriteItems",
        "sqs.SendMessageBatch",
    ]
    settle(clock, work)
    assert versions() == {"2"}
    key_versions.retire(1)
    assert keyring.read().first is None
    encryption.forget()
    record = CredentialsRecord.find(device, CREDENTIALS)
    assert record is not None
    assert record.secret
    calls.clear()
    assert encryption.decrypt(record.secret, fleet.tenant, device, "secret")
    assert calls.made == ["dynamodb.GetItem", "kms.Decrypt"]
    with pytest.raises(encryption.UnknownVersion):
        encryption.decrypt("1:" + record.secret[2:], fleet.tenant, device, "secret")
    assert add_device(fleet, "meter-2"), "a retired first key is not made anew"
    assert versions() == {"2"}


def test_without_a_key_that_wraps_there_is_no_rotation(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYTHING_DATA_KEY", "d3JhcHBlZA==")
    settings.settings.cache_clear()
    with pytest.raises(NoMasterKey):
        key_versions.rotate()
    monkeypatch.undo()
    settings.settings.cache_clear()


def test_the_walk_costs_a_scan_a_page_and_a_write_an_item(
    fleet: Fleet, clock: FakeClock, work: WorkQueue, calls: Calls
) -> None:
    for number in range(3):
        add_device(fleet, f"meter-{number}")
    items = 3 + 1  # credentials, and the product
    job = key_versions.rotate()
    clock.advance(key_versions.SETTLED // 1000)
    calls.clear()
    operating.perform(job.id)
    assert calls.made.count("dynamodb.Scan") == len(secrets.TABLES)
    # each step moves the job's record; the last writes the count, too
    assert calls.made.count("dynamodb.UpdateItem") == items + len(secrets.TABLES)
    assert len(calls.made) <= items + 2 * len(secrets.TABLES) + 4


def test_one_of_each_secret_is_tried(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    everything(fleet, monkeypatch)
    for table in secrets.TABLES:
        found, _ = secrets.page(table, None)
        there = {(each.bound or field) for each in found for field in each.texts}
        kinds = [kind for kind in secrets.KINDS if kind.model.Meta.table_name == table]
        assert there == {kind.bound or field for kind in kinds for field in kind.fields}


def test_what_is_walked_may_be_scanned_by_the_function_of_the_job_alone() -> None:
    walked = {table.removeprefix("polything-test-") for table in secrets.TABLES}
    scanning = {
        (function, table)
        for function, tables in GRANTS.items()
        for table, rights in tables.items()
        if "scan" in rights.split()
    }
    assert scanning == {("work", table) for table in walked}
    [record] = Path("docs/adr").glob("0017-*.md")
    [told] = re.findall(r"scans the \w+ tables that hold secrets \(([^)]*)\)", record.read_text("utf-8"))
    assert set(re.findall(r"`(\w+)`", told)) == walked


def test_every_secret_is_in_the_registry() -> None:
    """A new place that encrypts has to be walked."""
    told = {kind.bound or field for kind in secrets.KINDS for field in kind.fields}
    held = {
        *lora_records.SECRETS,
        keys.FIELD,
        rules.FIELD,
        products.KEY,
        production.FIELD,
        "secret",
        "psk",
        "app_channel",
        bind_tokens.FIELD,
    }
    assert told == held
    library = Path(jobs.__file__).parents[1]
    encrypting = {
        path.stem
        for path in library.rglob("*.py")
        if "encryption.encrypt(" in path.read_text(encoding="utf-8")
    }
    walked = {
        "app_channels",
        "bind_tokens",
        "credentials",
        "keys",
        "lora_records",
        "production",
        "products",
        "renewal",
        "rules",
    }
    assert encrypting == walked | {"reencryption"}


def test_the_wait_covers_the_longest_run_of_a_function() -> None:
    import json

    config = json.loads(Path(".chalice/config.json").read_text(encoding="utf-8"))
    longest = max(
        each.get("lambda_timeout", 0)
        for stage in config["stages"].values()
        for each in stage["lambda_functions"].values()
    )
    assert (encryption.FRESH + longest + 30) * 1000 <= key_versions.SETTLED


def test_a_login_while_its_secret_is_encrypted_anew(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.core import admission
    from chalicelib.core.admission import Claim

    device = add_device(fleet, "meter-9")
    record = admission._record
    replaced: list[str] = []

    def overtaken(*arguments: Any) -> None:
        if not replaced:
            replaced.append(device)
            held = CredentialsRecord.find(device, CREDENTIALS)
            assert held is not None
            assert held.secret
            plain = encryption.decrypt(held.secret, fleet.tenant, device, "secret")
            again = encryption.encrypt(plain, fleet.tenant, device, "secret")
            held.update([CredentialsRecord.secret.set(again)])
        record(*arguments)

    monkeypatch.setattr(admission, "_record", overtaken)
    claim = Claim("huawei", f"{device}_0_0_1", device, None, lambda _secret: True)
    assert admission.admit(claim) is not None
