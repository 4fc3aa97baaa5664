"""Huawei 1.8.6 to 1.8.8: what an app is told when an operator replaces a thing model."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import applications, products
from chalicelib.core.products import Facts
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.handlers import outbox, queues
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver, receiving
from tests.support.triggers import delete, received, stream, waiting

from .conftest import log_in

SUBSCRIBE = "/iocm/app/sub/v1.2.0/subscriptions"
KINDS = [f"deviceCapabilities{kind}" for kind in ("Changed", "Added", "Deleted")]
FACTS = {
    "deviceType": "Meter",
    "manufacturerName": "Acme",
    "manufacturerId": "acme",
    "model": "M1",
    "protocolType": "MQTT",
}


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def pushed(receiver: Receiver) -> Callable[[], list[Any]]:
    def flush() -> list[Any]:
        receiver.posts.clear()
        outbox.dispatch(stream())
        while (event := received("callbacks.fifo"))["Records"]:
            queues.deliver(event)
            delete("callbacks.fifo", event)
        return receiver.bodies

    return flush


def subscribe(app: Gateway, receiver: Receiver, kinds: list[str] = KINDS) -> None:
    for kind in kinds:
        assert app.post(SUBSCRIBE, {"notifyType": kind, "callbackUrl": receiver.url()}).status == 201


def service(name: str, prop: str = "x") -> Service:
    return Service(id=name, properties=(Property(name=prop, data_type=DataType.INT),))


def replace(fleet: Fleet, *services: Service) -> None:
    products.set_model(fleet.tenant, fleet.product.id, ThingModel(services))


def test_each_kind_of_change_is_told_as_documented(
    app: Gateway, fleet: Fleet, receiver: Receiver, pushed: Callable[[], list[Any]]
) -> None:
    subscribe(app, receiver)
    pushed()
    replace(fleet, service("Meter"), service("Lamp"))
    told = pushed()
    assert sorted(told, key=lambda each: KINDS.index(each["notifyType"])) == [
        {"notifyType": kind, "appId": fleet.application, **FACTS} for kind in KINDS[:2]
    ]
    replace(fleet, service("Lamp"))
    assert [each["notifyType"] for each in pushed()] == ["deviceCapabilitiesDeleted"]
    replace(fleet, service("Lamp"))
    assert pushed() == []


def test_a_new_product_is_told_as_added(
    app: Gateway, fleet: Fleet, receiver: Receiver, pushed: Callable[[], list[Any]]
) -> None:
    subscribe(app, receiver)
    pushed()
    products.create(fleet.tenant, "Lamp", ThingModel((service("Lamp"),)), Facts(model="L1"))
    [told] = pushed()
    assert told["notifyType"] == "deviceCapabilitiesAdded"
    assert (told["model"], told["deviceType"]) == ("L1", None)  # null where nothing is known


def test_all_applications_of_the_tenant_are_told_and_no_others(
    app: Gateway, fleet: Fleet, receiver: Receiver, pushed: Callable[[], list[Any]]
) -> None:
    made, secret = applications.create_application(fleet.tenant, "second")
    second = Fleet(fleet.tenant, made.id, secret, fleet.product)
    for each in (fleet, second, make_fleet("other")):
        subscribe(log_in(each), receiver, KINDS[:1])
    pushed()
    replace(fleet, service("Meter"))
    assert {each["appId"] for each in pushed()} == {fleet.application, second.application}


def test_without_subscriptions_nothing_is_queued_and_a_repeat_is_taken_once(
    app: Gateway, fleet: Fleet, receiver: Receiver
) -> None:
    replace(fleet, service("Meter"))
    event = stream()
    outbox.dispatch(event)
    assert waiting("callbacks.fifo")[0] == 0
    subscribe(app, receiver, KINDS[:1])
    for _ in range(2):
        outbox.dispatch(event)
    assert waiting("callbacks.fifo")[0] == 1
    [record] = received("callbacks.fifo")["Records"]
    assert json.loads(record["body"])["body"]["notifyType"] == KINDS[0]
