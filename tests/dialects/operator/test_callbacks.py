"""Subscriptions with their targets, the log of deliveries, replays and jobs, at the wire."""

from typing import Any

import pytest

from chalicelib.core import callback_targets, callbacks, delivery_log, rules, subscriptions, targets
from chalicelib.core.callbacks import RETRIES
from chalicelib.core.delivery_log import Attempt
from chalicelib.core.events import EventType
from chalicelib.core.rules import Channel, Destination
from chalicelib.store.outbox import EventRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, add_device, audit_of, problem
from tests.support.queues import WorkQueue
from tests.support.triggers import received

ABSENT = "f" * 32
URL = "http://203.0.113.9:9000/hook?key=secret"
ORIGIN = "http://203.0.113.9:9000"


@pytest.fixture
def found(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> str:
    """A subscription."""
    monkeypatch.setattr(callbacks, "check_url", lambda *_: None)
    return subscriptions.create(fleet.caller, "huawei", "deviceAdded", URL).id


def logged(fleet: Fleet, found: str, clock: FakeClock, outcome: str = "given up") -> str:
    """What became of telling that a device was added; answers the entry's id."""
    device = add_device(fleet, f"meter-{clock.at}")
    (event,) = [each.event for each in EventRecord.query(device) if each.type == EventType.DEVICE_ADDED.value]
    attempt = Attempt(
        f"{clock.at:012x}" + "0" * 20,
        clock.at,
        f"{event}-huawei-0",
        device,
        "deviceAdded",
        ORIGIN,
        outcome,
        7,
        500,
        12,
        "HTTP 500",
    )
    delivery_log.write([(delivery_log.line(fleet.application, found), attempt)])
    clock.advance(1)
    return attempt.id


def bodies() -> list[Any]:
    return [callbacks.read(each["body"]) for each in received(RETRIES)["Records"]]


def test_who_is_told_and_how_it_goes(root: Gateway, fleet: Fleet, found: str, clock: FakeClock) -> None:
    rules.create(
        fleet.caller, "xlink", fleet.product.id, ["datapoint"], Destination(Channel.HTTP, URL, "token")
    )
    url = f"{BASE}/applications/{fleet.application}/subscriptions"
    held = {each["kind"]: each for each in root.get(url).json["subscriptions"]}
    assert held["subscription"] == {
        "id": found,
        "kind": "subscription",
        "dialect": "huawei",
        "notifyTypes": ["deviceAdded"],
        "target": ORIGIN,
        "created": "2023-11-14T22:13:20Z",
    }
    assert (held["rule"]["dialect"], held["rule"]["notifyTypes"]) == ("xlink", ["datapoint"])
    assert "secret" not in root.get(url).body
    paused = targets.Health(99, 0, clock.at + 5, clock.at - 7000, clock.at)
    targets.note(f"{fleet.application}|{ORIGIN}", targets.HEALTHY, paused)
    shown = root.get(url).json["subscriptions"][0]
    assert (shown["failures"], shown["pausedSince"]) == (99, "2023-11-14T22:13:20Z")
    assert shown["failingSince"] == "2023-11-14T22:13:13Z"


def test_a_paused_callback_is_resumed(root: Gateway, fleet: Fleet, found: str, clock: FakeClock) -> None:
    paused = targets.Health(99, 0, clock.at + 5, clock.at, clock.at)
    targets.note(f"{fleet.application}|{ORIGIN}", targets.HEALTHY, paused)
    url = f"{BASE}/applications/{fleet.application}/callbacks/resumed"
    (shown,) = root.put(url, {"target": ORIGIN}).json["subscriptions"]
    assert shown["id"] == found
    assert "pausedSince" not in shown
    assert callback_targets.list_told(fleet.application)[0].health == targets.HEALTHY
    assert root.put(url, {"target": "http://elsewhere:1"}).json == {"subscriptions": []}
    assert [each["action"] for each in audit_of(root)] == ["callback.resume"] * 2
    gone = f"{BASE}/applications/{ABSENT}/callbacks/resumed"
    assert problem(root.put(gone, {"target": ORIGIN})) == (404, "application-not-found")


def test_the_log_in_pages(root: Gateway, fleet: Fleet, found: str, clock: FakeClock) -> None:
    made = [logged(fleet, found, clock) for _ in range(3)]
    url = f"{BASE}/applications/{fleet.application}/subscriptions/{found}/deliveries"
    first = root.get(f"{url}?limit=2").json
    rest = root.get(f"{url}?limit=2&cursor={first['cursor']}").json
    assert [each["id"] for each in first["deliveries"] + rest["deliveries"]] == made[::-1]
    assert "cursor" not in rest
    shown = rest["deliveries"][0]
    assert {name: shown[name] for name in ("outcome", "status", "ms", "tries", "reason", "target")} == {
        "outcome": "given up",
        "status": 500,
        "ms": 12,
        "tries": 7,
        "reason": "HTTP 500",
        "target": ORIGIN,
    }
    until = "2023-11-14T22:13:21Z"
    assert [each["id"] for each in root.get(f"{url}?to={until}").json["deliveries"]] == made[:1]
    other = make_fleet("other")
    elsewhere = f"{BASE}/applications/{other.application}/subscriptions/{found}/deliveries"
    assert root.get(elsewhere).json == {"deliveries": []}
    assert problem(root.get(f"{url}?cursor=x")) == (400, "invalid-input")


def test_one_delivery_is_replayed(root: Gateway, fleet: Fleet, found: str, clock: FakeClock) -> None:
    entry = logged(fleet, found, clock)
    url = f"{BASE}/applications/{fleet.application}/subscriptions/{found}/deliveries"
    ident = root.post(f"{url}/{entry}/replay").json["delivery"]
    (sent,) = bodies()
    assert (sent.id, sent.url, sent.subscription) == (ident, URL, found)
    assert b'"notifyType":"deviceAdded"' in bytes(sent.body)
    assert problem(root.post(f"{url}/{ABSENT}/replay")) == (404, "delivery-not-found")
    other = make_fleet("other")
    elsewhere = f"{BASE}/applications/{other.application}/subscriptions/{found}/deliveries/{entry}/replay"
    assert problem(root.post(elsewhere)) == (404, "delivery-not-found")


def test_what_came_with_a_command_has_a_log_too(
    root: Gateway, fleet: Fleet, found: str, clock: FakeClock
) -> None:
    logged(fleet, "", clock)
    url = f"{BASE}/applications/{fleet.application}/subscriptions/direct/deliveries"
    assert len(root.get(url).json["deliveries"]) == 1


def test_a_time_is_replayed_by_a_job(root: Gateway, fleet: Fleet, found: str, clock: FakeClock) -> None:
    for outcome in ("given up", "delivered", "given up"):
        logged(fleet, found, clock, outcome)
    url = f"{BASE}/applications/{fleet.application}/subscriptions/{found}/replays"
    began = root.post(url, {"from": "2023-11-14T22:00:00Z"})
    assert (began.status, began.json["state"], began.json["kind"]) == (202, "running", "replay")
    WorkQueue(clock).run()
    job = root.get(f"{BASE}/jobs/{began.json['id']}").json
    assert (job["state"], job["done"], job["leftOut"]) == ("done", 2, 0)
    assert root.get(f"{BASE}/jobs").json == {"jobs": [job]}
    assert len(bodies()) == 2
    again = root.post(url, {"from": "2023-11-14T22:00:00Z", "delivered": True}).json["id"]
    WorkQueue(clock).run()
    assert root.get(f"{BASE}/jobs/{again}").json["done"] == 3
    assert audit_of(root)[0]["made"] == again


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": "soon"},
        {"from": "2023-11-14T22:00:00Z", "to": "2023-11-14T21:00:00Z"},
        {"from": "2024-11-14T22:00:00Z"},
        {"from": "2020-11-14T22:00:00Z", "to": "2020-11-15T22:00:00Z"},
        {"from": "2023-11-14T22:00:00Z", "all": True},
    ],
)
def test_what_is_no_time(root: Gateway, fleet: Fleet, found: str, body: dict[str, Any]) -> None:
    url = f"{BASE}/applications/{fleet.application}/subscriptions/{found}/replays"
    assert problem(root.post(url, body)) == (400, "invalid-input")


def test_what_was_given_up_is_tried_again(root: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    began = root.post(f"{BASE}/replays/dead-letters")
    assert (began.status, began.json["kind"]) == (202, "replay-dead-letters")
    WorkQueue(clock).run()
    assert root.get(f"{BASE}/jobs/{began.json['id']}").json["state"] == "done"


def test_what_is_not_there(root: Gateway, fleet: Fleet) -> None:
    assert problem(root.get(f"{BASE}/jobs/{ABSENT}")) == (404, "job-not-found")
    path = f"{BASE}/applications/{ABSENT}/subscriptions"
    assert problem(root.get(path)) == (404, "application-not-found")
    reply = root.post(f"{path}/x/replays", {"from": "2023-11-14T22:00:00Z"})
    assert problem(reply) == (404, "application-not-found")
