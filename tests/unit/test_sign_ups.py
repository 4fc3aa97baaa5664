"""How people come: login codes, registrations, logins, and what ends a session."""

import json
import logging
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.core import attempts, passwords, sign_ups, tokens, user_sessions, users
from chalicelib.core.errors import (
    CodesNotSent,
    InvalidInput,
    InvalidRefreshToken,
    InvalidToken,
    LoginTaken,
    TooManyFailures,
    UserNotFound,
    WrongSecret,
)
from chalicelib.core.tokens import Tokens
from chalicelib.core.users import NewUser, User
from chalicelib.settings import settings
from chalicelib.store.codes import LoginCodeRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_application, make_fleet

ADDRESS = "203.0.113.7"
PASSWORD = "correct horse"
ANN = "ann@acme.example"
ABSENT = "f" * 32


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """The code that was written to the log last."""
    sender(monkeypatch, "log")
    from chalicelib.logs import logger

    monkeypatch.setattr(logger(), "propagate", True)
    caplog.set_level(logging.INFO)

    def last() -> str:
        said = [each for each in caplog.records if each.getMessage() == "a login code"]
        return str(vars(said[-1])["code"])

    return last


def sender(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("POLYTHING_CODE_SENDER", value)
    settings.cache_clear()


@pytest.fixture(autouse=True)
def fresh_settings() -> Any:
    yield
    settings.cache_clear()


def make(fleet: Fleet, **facts: Any) -> User:
    return users.create(fleet.caller, NewUser(**{"email": ANN, "password": PASSWORD} | facts))


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def register(fleet: Fleet, code: str, login: str = ANN) -> User:
    return sign_ups.register(fleet.caller, login, PASSWORD, code, ADDRESS)


def login(fleet: Fleet, name: str = ANN, **proof: Any) -> Tokens:
    proof = proof or {"password": PASSWORD}
    code = sign_ups.auth_code(fleet.application, name, ADDRESS, **proof)
    return user_sessions.exchange(code, fleet.application)


def test_a_code_a_registration_a_login_and_a_session(
    fleet: Fleet, codes: Callable[[], str], calls: Calls
) -> None:
    calls.clear()
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    assert calls.made == ["dynamodb.UpdateItem"] * 4 + ["dynamodb.PutItem"]  # both windows begin
    calls.clear()
    user = register(fleet, codes())
    assert calls.made == ["dynamodb.GetItem", "dynamodb.UpdateItem", "dynamodb.TransactWriteItems"]
    assert (user.email, user.owner) == (ANN, fleet.application)
    calls.clear()
    code = sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)
    assert calls.made == ["dynamodb.GetItem"] * 3 + ["dynamodb.TransactWriteItems"]
    calls.clear()
    pair = user_sessions.exchange(code, fleet.application)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    assert (pair.expires_in, pair.refresh_expires_in) == (2 * 3600, 720 * 3600)
    calls.clear()
    person = user_sessions.person(pair.access)
    assert calls.made == []
    assert (person.user, person.owner, person.tenant) == (user.id, fleet.application, fleet.tenant)
    tokens.forget()
    users.forget()
    calls.clear()
    assert user_sessions.person(pair.access) == person
    assert calls.made == ["dynamodb.GetItem"] * 2


def test_the_login_is_noted(fleet: Fleet, clock: FakeClock) -> None:
    user = make(fleet)
    clock.advance(60)
    login(fleet)
    assert users.find(user.id).last_login == clock.at


@pytest.mark.parametrize(
    ("written", "location_code", "facts"),
    [
        ("138 0013 8000", None, ("13800138000", "86", None)),
        ("+86 138-0013-8000", None, ("13800138000", "86", None)),
        ("0700 900 000", "44", ("0700900000", "44", None)),
        ("+44 700900000", "44", ("700900000", "44", None)),
        (" Ann@Acme.Example ", None, (None, None, ANN)),
    ],
)
def test_spellings_of_a_login(
    fleet: Fleet, codes: Callable[[], str], written: str, location_code: str | None, facts: tuple[Any, ...]
) -> None:
    sign_ups.send_code(fleet.application, written, ADDRESS, location_code)
    user = sign_ups.register(fleet.caller, written, PASSWORD, codes(), ADDRESS, location_code)
    assert (user.phone, user.location_code, user.email) == facts
    code = sign_ups.auth_code(
        fleet.application, written, ADDRESS, password=PASSWORD, location_code=location_code
    )
    assert user_sessions.person(user_sessions.exchange(code, fleet.application).access).user == user.id


@pytest.mark.parametrize("written", ["", "ann", "a@", "+44 700900000", "+86", "+86abc", "x" * 300])
def test_a_code_goes_to_a_phone_or_a_mailbox_only(
    fleet: Fleet, codes: Callable[[], str], written: str
) -> None:
    with pytest.raises(InvalidInput):
        sign_ups.send_code(fleet.application, written, ADDRESS)
    with pytest.raises(InvalidInput):
        sign_ups.register(fleet.caller, written, PASSWORD, "000000", ADDRESS)


def test_without_a_sender_no_code_is_made(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    sender(monkeypatch, "")
    with pytest.raises(CodesNotSent, match="POLYTHING_CODE_SENDER"):
        sign_ups.send_code(fleet.application, ANN, ADDRESS)
    with pytest.raises(WrongSecret):
        register(fleet, "")


def test_a_topic_gets_the_code(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="polything-test-codes")["TopicArn"]
    queue = sqs.create_queue(QueueName="sms")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:123456789012:sms",
        Attributes={"FilterPolicy": json.dumps({"kind": ["phone"]}), "RawMessageDelivery": "true"},
    )
    sender(monkeypatch, topic)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    calls.clear()
    sign_ups.send_code(fleet.application, "13800138000", ADDRESS)
    assert calls.made[-1] == "sns.Publish"
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(received) == 1
    letter = json.loads(received[0]["Body"])
    assert (letter["application"], letter["login"]) == (fleet.application, "+8613800138000")
    assert register(fleet, letter["code"], "13800138000").phone == "13800138000"


def test_a_code_is_good_for_five_minutes(fleet: Fleet, codes: Callable[[], str], clock: FakeClock) -> None:
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    clock.advance(299.999)
    make(fleet)
    with pytest.raises(LoginTaken):  # the code was right, and stays for it was not used
        register(fleet, codes())
    clock.advance(0.001)
    with pytest.raises(WrongSecret):
        login(fleet, code=codes())


def test_a_code_is_good_for_five_tries(fleet: Fleet, codes: Callable[[], str]) -> None:
    make(fleet)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    for _ in range(5):
        with pytest.raises(WrongSecret):
            login(fleet, code=wrong(codes()))
    with pytest.raises(WrongSecret):
        login(fleet, code=codes())
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    for _ in range(3):
        with pytest.raises(WrongSecret):
            login(fleet, code=wrong(codes()))
    login(fleet, code=codes())


def test_a_code_is_good_once_and_a_new_one_ends_the_old(fleet: Fleet, codes: Callable[[], str]) -> None:
    make(fleet)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    old = codes()
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    if codes() != old:
        with pytest.raises(WrongSecret):
            login(fleet, code=old)
    login(fleet, code=codes())
    with pytest.raises(WrongSecret):
        login(fleet, code=codes())


def test_a_code_is_of_one_application_and_one_login(fleet: Fleet, codes: Callable[[], str]) -> None:
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    other = make_application(fleet)
    with pytest.raises(WrongSecret):
        sign_ups.auth_code(other, ANN, ADDRESS, code=codes())
    with pytest.raises(WrongSecret):
        register(fleet, codes(), "bob@acme.example")
    register(fleet, codes())


def test_two_who_register_with_one_code(
    fleet: Fleet, codes: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: register(fleet, codes()))
    with pytest.raises((LoginTaken, WrongSecret)):
        register(fleet, codes())
    assert users.list_users(fleet.caller, 0, 10).total == 1


def test_a_registration_that_crashes_leaves_the_code(
    fleet: Fleet, codes: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.faults import Crash

    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    faults = Faults.installed(monkeypatch)
    faults.crash("TransactWriteItems")
    with pytest.raises(Crash):
        register(fleet, codes())
    register(fleet, codes())


def test_no_more_than_five_codes_an_hour_for_a_login(
    fleet: Fleet, codes: Callable[[], str], clock: FakeClock
) -> None:
    for at in range(5):
        sign_ups.send_code(fleet.application, ANN, f"203.0.113.{at}")
    with pytest.raises(TooManyFailures):
        sign_ups.send_code(fleet.application, ANN, ADDRESS)
    sign_ups.send_code(fleet.application, "bob@acme.example", ADDRESS)
    clock.advance(3600)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)


def test_no_more_than_twenty_codes_an_hour_at_the_bidding_of_one_address(
    fleet: Fleet, codes: Callable[[], str], clock: FakeClock
) -> None:
    for at in range(20):
        sign_ups.send_code(fleet.application, f"p{at}@acme.example", ADDRESS)
    with pytest.raises(TooManyFailures):
        sign_ups.send_code(fleet.application, ANN, ADDRESS)
    clock.advance(3600)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)


def test_uses_are_counted_right_when_two_begin_the_window(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults.installed(monkeypatch)
    faults.before("UpdateItem", lambda: attempts.spend("k", "who", 2, 60_000), skip=1)
    attempts.spend("k", "who", 2, 60_000)
    with pytest.raises(TooManyFailures):
        attempts.spend("k", "who", 2, 60_000)


def test_wrong_passwords_are_limited_over_all_spellings(fleet: Fleet, clock: FakeClock) -> None:
    make(fleet)
    for name in (ANN, "ANN@acme.example", f" {ANN}") * 3 + (ANN,):
        with pytest.raises(WrongSecret):
            login(fleet, name, password="wrong horse")
    with pytest.raises(TooManyFailures):
        login(fleet)
    clock.advance(300)
    login(fleet)


def test_unknown_people_and_empty_proofs_are_wrong_secrets(fleet: Fleet, codes: Callable[[], str]) -> None:
    make(fleet, email="bob@acme.example", password=None)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    for name, proof in (
        (ANN, {"password": PASSWORD}),
        (ANN, {"code": codes()}),
        ("bob@acme.example", {"password": ""}),
        ("bob@acme.example", {"code": ""}),
        ("", {"code": None}),
    ):
        with pytest.raises(WrongSecret):
            login(fleet, name, **proof)


def test_an_auth_code_is_good_once_for_five_minutes_and_its_application(
    fleet: Fleet, clock: FakeClock
) -> None:
    user = make(fleet)

    def code() -> str:
        return sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)

    made = code()
    with pytest.raises(InvalidToken):
        user_sessions.exchange(made, make_application(fleet))
    user_sessions.exchange(made, fleet.application)
    for bad in (made, "", ".", f"{user.id}.x", f"{ABSENT}.x", "x" * 5000, made + "x"):
        with pytest.raises(InvalidToken):
            user_sessions.exchange(bad, fleet.application)
    made = code()
    clock.advance(299.999)
    user_sessions.exchange(made, fleet.application)
    made = code()
    clock.advance(300)
    with pytest.raises(InvalidToken):
        user_sessions.exchange(made, fleet.application)


def test_two_who_show_one_auth_code(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    make(fleet)
    code = sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)
    faults = Faults.installed(monkeypatch)
    won: list[Tokens] = []
    faults.before("TransactWriteItems", lambda: won.append(user_sessions.exchange(code, fleet.application)))
    with pytest.raises(InvalidToken):
        user_sessions.exchange(code, fleet.application)
    user_sessions.person(won[0].access)


def test_an_exchange_whose_answer_was_lost_is_repeated(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    make(fleet)
    code = sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)
    Faults.installed(monkeypatch).lose_answer("TransactWriteItems")
    user_sessions.person(user_sessions.exchange(code, fleet.application).access)


def test_what_is_kept_of_codes_is_hashed(fleet: Fleet, codes: Callable[[], str]) -> None:
    make(fleet)
    sign_ups.send_code(fleet.application, ANN, ADDRESS)
    made = sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)
    table = boto3.resource("dynamodb").Table(LoginCodeRecord.Meta.table_name)
    items = table.scan()["Items"]
    assert len(items) == 2
    assert codes() not in str(items)
    assert made.partition(".")[2] not in str(items)
    assert ANN not in str(items)


def test_a_password_ends_all_sessions_and_codes(fleet: Fleet) -> None:
    user = make(fleet)
    first, second = login(fleet), login(fleet)
    code = sign_ups.auth_code(fleet.application, ANN, ADDRESS, password=PASSWORD)
    users.set_password(user.id, "another horse")
    for pair in (first, second):
        with pytest.raises(InvalidToken):
            user_sessions.person(pair.access)
        with pytest.raises(InvalidRefreshToken):
            user_sessions.refresh(pair.refresh, user.id, fleet.application)
    with pytest.raises(InvalidToken):
        user_sessions.exchange(code, fleet.application)
    login(fleet, password="another horse")


def test_a_password_changed_elsewhere_ends_sessions_within_a_minute(fleet: Fleet, clock: FakeClock) -> None:
    user = make(fleet)
    pair = login(fleet)
    held = dict(users._loaded)
    users.set_password(user.id, "another horse")
    users._loaded.update(held)  # this process knows nothing of it
    user_sessions.person(pair.access)
    clock.advance(55)
    with pytest.raises(InvalidToken):
        user_sessions.person(pair.access)


def test_a_session_is_not_opened_on_an_old_password(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make(fleet)
    users.known(user.id)
    held = dict(users._loaded)
    users.set_password(user.id, "another horse")
    users._loaded.update(held)
    with pytest.raises(UserNotFound):
        user_sessions.open(user.id)


def test_who_is_gone_has_no_session(fleet: Fleet) -> None:
    user = make(fleet)
    pair = login(fleet)
    users.remove(user.id)
    with pytest.raises(InvalidToken):
        user_sessions.person(pair.access)
    with pytest.raises(InvalidRefreshToken):
        user_sessions.refresh(pair.refresh, user.id, fleet.application)
    with pytest.raises(UserNotFound):
        user_sessions.open(user.id)
    with pytest.raises(WrongSecret):
        login(fleet)


def test_refreshing(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    user = make(fleet)
    other = make(fleet, email="bob@acme.example")
    old = user_sessions.open(user.id)
    clock.advance(2 * 3600)
    with pytest.raises(InvalidToken):
        user_sessions.person(old.access)
    users.known(user.id)
    calls.clear()
    new = user_sessions.refresh(old.refresh, user.id, fleet.application)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    assert new.refresh_expires_in == 720 * 3600
    assert user_sessions.person(new.access).user == user.id
    for token, who in ((old.refresh, user), (new.refresh, other), ("", user), (new.access, user)):
        with pytest.raises(InvalidRefreshToken):
            user_sessions.refresh(token, who.id, fleet.application)
    clock.advance(720 * 3600)
    with pytest.raises(InvalidRefreshToken):
        user_sessions.refresh(new.refresh, user.id, fleet.application)


def test_sessions_stand_side_by_side_and_end_alone(fleet: Fleet) -> None:
    user = make(fleet)
    one, two = user_sessions.open(user.id), user_sessions.open(user.id)
    user_sessions.close(one.access, fleet.application)
    with pytest.raises(InvalidToken):
        user_sessions.person(one.access)
    with pytest.raises(InvalidToken):
        user_sessions.close(one.access, fleet.application)
    assert user_sessions.person(two.access).user == user.id


def test_another_applications_program_neither_renews_nor_ends_a_session(fleet: Fleet) -> None:
    user, other = make(fleet), make_application(fleet)
    pair = user_sessions.open(user.id)
    with pytest.raises(InvalidRefreshToken):
        user_sessions.refresh(pair.refresh, user.id, other)
    with pytest.raises(InvalidToken):
        user_sessions.close(pair.access, other)
    assert user_sessions.person(pair.access).user == user.id
    user_sessions.refresh(pair.refresh, user.id, fleet.application)


def test_tokens_of_others_are_no_persons(fleet: Fleet) -> None:
    user = make(fleet)
    for grant in ("huawei-app", f"xlink-account-{user.id}-0", f"users-{user.id}-0"):
        pair = tokens.issue(grant, users.subject(user), fleet.tenant)
        with pytest.raises(InvalidToken):
            user_sessions.person(pair.access)
        with pytest.raises(InvalidToken):
            user_sessions.close(pair.access, fleet.application)
        with pytest.raises(InvalidRefreshToken):
            user_sessions.refresh(pair.refresh, user.id, fleet.application)
