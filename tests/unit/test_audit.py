"""The audit log: an entry with every action, one of what was refused, and pages that end."""

import pytest

from chalicelib.core import applications, audit
from chalicelib.core.audit import Actor, Outcome
from chalicelib.core.errors import ApplicationNotFound, InvalidInput
from chalicelib.store.operators import AuditRecord
from chalicelib.store.transactions import Transaction
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

ANN = Actor("a" * 32, "Ann", "203.0.113.7", "request-1")
ABSENT = "f" * 32


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def entries() -> list[audit.Entry]:
    return audit.page(None, None, None, 200).entries


def test_an_action_carries_its_entry(fleet: Fleet, calls: Calls) -> None:
    calls.clear()
    with audit.recorded(ANN, "application.rotate-secret", {"application": fleet.application}):
        applications.rotate_secret(fleet.application)
    assert calls.made == ["dynamodb.TransactWriteItems"]
    (found,) = entries()
    assert (found.actor, found.actor_name, found.address, found.request) == tuple(
        getattr(ANN, name) for name in ("id", "name", "address", "request")
    )
    assert (found.action, found.target) == ("application.rotate-secret", {"application": fleet.application})
    assert (found.outcome, found.reason) == (Outcome.DONE, None)


def create_tenant() -> None:
    with audit.recorded(ANN, "tenant.create", {}) as note:
        note.made = applications.create_tenant("n").id


def test_there_is_no_action_without_its_entry(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies once the transaction is through."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(audit, "_end", killed)
    with pytest.raises(KeyboardInterrupt):
        create_tenant()
    (made,), _ = applications.list_tenants("", 10)
    assert made.name == "n"
    (found,) = entries()
    assert (found.outcome, found.made) == (Outcome.DONE, None)


def test_what_did_not_happen_is_not_recorded_as_done(fleet: Fleet, calls: Calls) -> None:
    calls.clear()
    with (
        pytest.raises(ApplicationNotFound),
        audit.recorded(ANN, "application.rotate-secret", {"application": ABSENT}),
    ):
        applications.rotate_secret(ABSENT)
    assert calls.made == ["dynamodb.TransactWriteItems", "dynamodb.PutItem"]
    (found,) = entries()
    assert (found.outcome, found.reason) == (Outcome.REFUSED, f"ApplicationNotFound: {ABSENT}")


def test_what_was_made_is_told(fleet: Fleet, calls: Calls) -> None:
    calls.clear()
    with audit.recorded(ANN, "tenant.create", {}) as note:
        note.made = applications.create_tenant("n").id
    assert calls.made == ["dynamodb.TransactWriteItems", "dynamodb.PutItem"]
    assert [each.made for each in entries()] == [note.made]


def test_an_action_of_parts_is_recorded_before_and_after(fleet: Fleet) -> None:
    with audit.recorded(ANN, "package.delete", {}, whole=False):
        assert [each.outcome for each in entries()] == [Outcome.BEGUN]
        applications.rotate_secret(fleet.application)
        assert [each.outcome for each in entries()] == [Outcome.BEGUN]
    assert [each.outcome for each in entries()] == [Outcome.DONE]


def test_a_defect_is_recorded_without_its_text(aws: None) -> None:
    with pytest.raises(RuntimeError), audit.recorded(ANN, "x", {}):
        raise RuntimeError("the secret is 42")
    assert [(each.outcome, each.reason) for each in entries()] == [(Outcome.FAILED, "RuntimeError")]


def test_what_needed_no_transaction_is_recorded_too(aws: None) -> None:
    with audit.recorded(ANN, "automation.enable", {}):
        pass
    assert [each.outcome for each in entries()] == [Outcome.DONE]


def test_only_the_first_transaction_carries_it_and_none_outside(fleet: Fleet) -> None:
    with audit.recorded(ANN, "x", {}):
        applications.create_tenant("one")
        applications.create_tenant("two")
    applications.create_tenant("three")
    assert len(entries()) == 1


def test_a_full_transaction_leaves_it_for_afterwards(fleet: Fleet) -> None:
    with audit.recorded(ANN, "x", {}):
        change = Transaction()
        for number in range(100):
            change.put(AuditRecord("2000-01", f"{number:032x}", **blank()))
        change.commit()
    assert [each.outcome for each in entries()] == [Outcome.DONE]


def blank() -> dict[str, object]:
    names = ("actor", "actor_name", "action", "target", "outcome")
    return {"at": 0, "ttl": 0, **dict.fromkeys(names, "{}")}


def test_pages_reach_over_months_and_end(aws: None, clock: FakeClock, calls: Calls) -> None:
    written = []
    for number in range(7):
        with audit.recorded(ANN, f"act-{number}", {}):
            pass
        written.append(f"act-{number}")
        clock.advance(20 * 86_400)
    found: list[str] = []
    cursor, pages = None, 0
    while pages < 10:
        page = audit.page(None, None, cursor, 3)
        found += [each.action for each in page.entries]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert found == written[::-1]
    assert pages == 3
    calls.clear()
    audit.page(None, None, None, 1)
    assert len(calls.made) <= 3


def test_a_page_that_is_just_full_is_the_last(aws: None) -> None:
    for number in range(3):
        with audit.recorded(ANN, f"act-{number}", {}):
            pass
    page = audit.page(None, None, None, 3)
    assert (len(page.entries), page.cursor) == (3, None)


def test_a_time_range_includes_its_begin_and_not_its_end(aws: None, clock: FakeClock) -> None:
    times = []
    for number in range(3):
        times.append(clock.at)
        with audit.recorded(ANN, f"act-{number}", {}):
            pass
        clock.advance(1)
    found = audit.page(times[0], times[2], None, 10)
    assert [each.action for each in found.entries] == ["act-1", "act-0"]
    assert audit.page(times[2], times[0], None, 10).entries == []
    far = times[2] + 400 * 366 * 86_400_000
    assert len(audit.page(None, far, None, 10).entries) == 3


@pytest.mark.parametrize("cursor", ["x", "é", "AAAA", "a" * 400, "!!!!"])
def test_a_cursor_that_was_never_given_out(aws: None, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        audit.page(None, None, cursor, 10)


def test_an_entry_ends_by_itself(aws: None, clock: FakeClock) -> None:
    with audit.recorded(ANN, "x", {}):
        pass
    (record,) = AuditRecord.query("2023-11")
    assert record.ttl == (clock.at + audit.KEPT) // 1000
