"""Who may call: signatures as clients make them, and everything that is none."""

import pytest

from chalicelib.core import flow, keys
from chalicelib.dialects.ctwing import auth
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.ctwing import PATH, signature
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply

from .conftest import Client, client_of, order

BODY = '{"a":"中"}'


def said(reply: Reply) -> tuple[int, int]:
    assert set(reply.json) == {"code", "msg"}
    return reply.status, reply.json["code"]


def test_a_known_signature() -> None:
    """Made with openssl, over what the document says is signed."""
    text = auth._text("dAaFG7DiPt8", "1515752817580", {"productId": "5", "MasterKey": "abc"}, BODY.encode())
    assert auth.sign("secret", text) == b"ugFG49JMhjGdb9c3+s6mm0yg4gY="
    assert (
        signature("secret", "dAaFG7DiPt8", "1515752817580", {"productId": "5", "MasterKey": "abc"}, BODY)
        == "ugFG49JMhjGdb9c3+s6mm0yg4gY="
    )


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("url", [PATH, f"{PATH}?b=2&a=1", f"{PATH}?Z=%E4%B8%AD%20%2B&a=", f"{PATH}/"])
def test_an_absent_master_key_in_either_spelling(
    client: Client, fleet: Fleet, device: str, url: str, empty: bool
) -> None:
    client.empty_master = empty
    assert client.post(order(fleet, device), url=url).json["code"] == 0


@pytest.mark.parametrize("query", ["?MasterKey={}", "?a=1&MasterKey={}&b="])
@pytest.mark.parametrize("header", [False, True])
def test_a_master_key_in_the_query_or_in_both_is_signed_once(
    client: Client, fleet: Fleet, device: str, master: str, query: str, header: bool
) -> None:
    url = PATH + query.format(master)
    assert client.post(order(fleet, device), master if header else None, url=url).json["code"] == 0


def test_an_empty_master_key_is_none(client: Client, fleet: Fleet, device: str) -> None:
    assert client.post(order(fleet, device), "").json["code"] == 0
    assert client.post(order(fleet, device), url=f"{PATH}?MasterKey=").json["code"] == 0


def test_two_master_keys_are_refused(client: Client, fleet: Fleet, device: str, master: str) -> None:
    url = f"{PATH}?MasterKey={master}"
    assert said(client.post(order(fleet, device), "x" * 16, url=url)) == (401, 4012)
    assert said(client.post(order(fleet, device), master, url=f"{PATH}?MasterKey={'x' * 16}")) == (401, 4012)


@pytest.mark.parametrize("style", [str.upper, str.lower, lambda name: f"x-amzn-Remapped-{name}"])
def test_header_names_as_gateways_change_them(
    client: Client, fleet: Fleet, device: str, master: str, style: type[str]
) -> None:
    signed: dict[str, str] = {}

    class Kept(Gateway):
        def post(self, url: str, body: object = None, **rest: dict[str, str]) -> Reply:
            signed.update({"url": url, "body": str(body)} | rest["headers"])
            return super().post(url, body, **rest)

    client.gateway = Kept()
    client.post(order(fleet, device), master)
    url, body = signed.pop("url"), signed.pop("body")
    reply = Gateway().post(url, body, headers={style(name): value for name, value in signed.items()})
    assert reply.json["code"] == 0


@pytest.mark.parametrize("missing", ["application", "timestamp", "signature"])
def test_an_unsigned_call_is_refused_whatever_its_master_key(
    client: Client, fleet: Fleet, device: str, master: str, missing: str
) -> None:
    assert said(client.post(order(fleet, device), master, headers={missing: ""})) == (401, 401)
    assert said(Gateway(headers={"MasterKey": master}).post(PATH, order(fleet, device))) == (401, 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"signature": "A" * 27 + "="},
        {"signature": "é"},
        {"signature": "x" * 5000},
        {"application": "f" * 32},
        {"application": "x"},
        {"application": "y" * 5000},
        {"timestamp": "1700000000001"},
        {"MasterKey": "y" * 16},
    ],
)
def test_what_was_not_signed_so_is_refused(
    client: Client, fleet: Fleet, device: str, headers: dict[str, str]
) -> None:
    assert said(client.post(order(fleet, device), headers=headers)) == (401, 401)


def test_every_part_is_signed(client: Client, fleet: Fleet, device: str, master: str) -> None:
    """A signature for one body, query or MasterKey is none for another."""
    timestamp, body = str(client.clock()), '{"productId": 1}'
    made = signature(client.secret, client.key, timestamp, {"a": "1", "MasterKey": master}, body)
    given = {"application": client.key, "timestamp": timestamp, "signature": made, "MasterKey": master}
    gateway = Gateway()
    assert gateway.post(f"{PATH}?a=1", body, headers=given).status == 400  # signed well, but no command
    for url, text, headers in (
        (f"{PATH}?a=1", body + " ", given),
        (f"{PATH}?a=1", "", given),
        (f"{PATH}?a=2", body, given),
        (PATH, body, given),
        (f"{PATH}?a=1&b=", body, given),
        (f"{PATH}?a=1", body, {**given, "MasterKey": ""}),
    ):
        assert said(gateway.post(url, text, headers=headers)) == (401, 401)


def test_the_secret_of_another_key_signs_nothing(client: Client, fleet: Fleet, device: str) -> None:
    client.secret = keys.create(make_fleet("other").application)[1]
    assert said(client.post(order(fleet, device))) == (401, 401)


@pytest.mark.parametrize(
    ("ahead", "good"), [(-900_000, True), (900_000, True), (-900_001, False), (900_001, False)]
)
def test_a_request_is_good_for_a_quarter_of_an_hour(
    client: Client, fleet: Fleet, device: str, ahead: int, good: bool
) -> None:
    client.ahead = ahead
    reply = client.post(order(fleet, device))
    assert (reply.status, reply.json["code"]) == ((200, 0) if good else (401, 4011))
    assert reply.headers["x-ag-timestamp"] == str(client.clock())


@pytest.mark.parametrize("timestamp", ["now", "-1", "1e12", "٣", "9" * 17, "1700000000000.0"])
def test_what_is_no_timestamp(client: Client, fleet: Fleet, device: str, timestamp: str) -> None:
    body = "{}"
    made = signature(client.secret, client.key, timestamp, {}, body)
    given = {"application": client.key, "timestamp": timestamp, "signature": made}
    assert said(Gateway().post(PATH, body, headers=given)) == (401, 4011)


def test_a_clock_that_is_off_is_put_right_by_echo(client: Client, fleet: Fleet, device: str) -> None:
    client.ahead = -3_600_000
    assert said(client.post(order(fleet, device))) == (401, 4011)
    echoed = client.gateway.get("/echo")
    assert (echoed.status, echoed.body) == (200, "")
    client.ahead += int(echoed.headers["x-ag-timestamp"]) - (client.clock() + client.ahead)
    assert client.post(order(fleet, device)).json["code"] == 0


def test_echo_asks_nobody(aws: None, calls: Calls) -> None:
    assert Gateway().get("/echo/").headers["x-ag-timestamp"] == "1700000000000"
    assert calls.made == []


def test_a_revoked_key_ends_at_once_and_its_successor_works(
    client: Client, fleet: Fleet, clock: FakeClock, device: str
) -> None:
    successor = client_of(fleet, clock)
    keys.revoke(client.key)
    assert said(client.post(order(fleet, device))) == (401, 401)
    assert successor.post(order(fleet, device)).json["code"] == 0


def test_calls_count_for_the_application_of_the_key(
    client: Client, fleet: Fleet, clock: FakeClock, device: str
) -> None:
    for _ in range(flow.DEFAULT_LIMIT):
        flow.admit(fleet.application)
    reply = client.post(order(fleet, device))
    assert said(reply) == (403, 403)
    assert reply.headers["retry-after"] == "40"
    assert said(client_of(fleet, clock).post(order(fleet, device))) == (403, 403)
    assert client.gateway.get("/echo").status == 200
    clock.advance(40)
    assert client.post(order(fleet, device)).json["code"] == 0


def test_a_call_that_nobody_signed_counts_for_nobody(client: Client, fleet: Fleet, calls: Calls) -> None:
    client.secret = "guess"
    client.post("{}")
    calls.clear()
    for _ in range(20):
        assert said(client.post("{}")) == (401, 401)
    assert calls.made == []
