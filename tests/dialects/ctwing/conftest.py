"""A tenant, and a program that signs its calls."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.core import keys, products, registration
from chalicelib.core.registration import NewDevice
from tests.support.clock import FakeClock
from tests.support.ctwing import PATH, signature
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply


@dataclass
class Client:
    """`ahead` of the server's clock, ms. `empty_master` signs an absent MasterKey as an empty one."""

    key: str
    secret: str
    clock: FakeClock
    gateway: Gateway
    ahead: int = 0
    empty_master: bool = False

    def post(
        self,
        body: Any,
        master: str | None = None,
        url: str = PATH,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """`master` goes as a header; `headers` come on top of those that sign."""
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        timestamp = str(self.clock() + self.ahead)
        params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        if master is not None or self.empty_master:
            params["MasterKey"] = master or ""
        given = {
            "application": self.key,
            "timestamp": timestamp,
            "version": "20191231141545",
            "Content-Type": "application/json; charset=UTF-8",
            "signature": signature(self.secret, self.key, timestamp, params, text),
        }
        if master is not None:
            given["MasterKey"] = master
        return self.gateway.post(url, text, headers={**given, **(headers or {})})


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def client(fleet: Fleet, clock: FakeClock) -> Client:
    return client_of(fleet, clock)


def client_of(fleet: Fleet, clock: FakeClock) -> Client:
    key, secret = keys.create(fleet.application)
    return Client(key.id, secret, clock, Gateway())


@pytest.fixture
def master(fleet: Fleet) -> str:
    return products.key_of(fleet.product)


@pytest.fixture
def device(fleet: Fleet) -> str:
    return register(fleet, "meter-1")


def register(fleet: Fleet, node: str, product: str | None = None) -> str:
    new = NewDevice(node, registration.BY_SECRET, product=product or fleet.product.id)
    return registration.register(fleet.caller, new).device.device


def order(fleet: Fleet, device: str | None, **more: Any) -> dict[str, Any]:
    """A sound body."""
    return {
        "command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}},
        "deviceId": device,
        "operator": "ann",
        "productId": fleet.product.number,
        **more,
    }
