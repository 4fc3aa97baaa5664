"""The device shadow's HTTP API and its devices over MQTT, as apps and devices see them."""

import base64
import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalicelib.core import products, registration
from chalicelib.core.products import NodeType, Product
from chalicelib.core.registration import NewDevice
from chalicelib.core.things import DataType, Property, Service, ThingModel
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.mqtt import presence, publish

TOKEN = "/iot-platform/auth/v1/token"
SERVICE = "/iot-platform/device-shadow-server/v1"
LAMP = ThingModel(
    (
        Service(
            "",
            properties=(
                Property("power", DataType.ENUM, enum_list=("on", "off"), method="RW"),
                Property("level", DataType.INT, min="0", max="100", method="RW"),
                Property("setting", DataType.OBJECT, method="RW"),
                Property("flow", DataType.DECIMAL, method="R"),
            ),
        ),
    )
)
FREE = ThingModel()
_numbers = itertools.count(1)


def log_in(fleet: Fleet) -> Gateway:
    """An application with a token, and a lease of flow control in hand: it lasts for nine calls."""
    from chalicelib.core import flow

    app = Gateway()
    reply = app.post(TOKEN, {"key": fleet.application, "secret": fleet.secret})
    app.headers = {"Authorization": f"Bearer {reply.json['result']['token']}"}
    flow.admit(fleet.application)
    return app


@dataclass
class Thing:
    """A registered device, with the application that owns it."""

    app: Gateway
    product: Product
    id: str
    secret: str

    @property
    def named(self) -> dict[str, str]:
        return {"productId": str(self.product.short_id), "deviceId": self.id}

    def read(self) -> Reply:
        return self.app.get(f"{SERVICE}/get?{urlencode(self.named)}")

    @property
    def result(self) -> Any:
        return self.read().json["result"]

    @property
    def state(self) -> Any:
        return self.result["state"]

    @property
    def time(self) -> int:
        return int(self.result["timestamp"])

    def report(self, values: Any, **more: Any) -> Reply:
        return self.app.post(f"{SERVICE}/reported", {**self.named, "stateReported": values, **more})

    def desire(self, values: Any, **more: Any) -> Reply:
        return self.app.post(f"{SERVICE}/desired", {**self.named, "stateDesired": values, **more})

    def put(self, part: str, key: str, path: str, value: Any, **more: Any) -> Reply:
        body = {**self.named, f"{part}FiledKey": key, "jsonPath": path, "value": value, **more}
        return self.app.put(f"{SERVICE}/{part}/json/filed/update", body)

    def put_all(self, part: str, updates: list[tuple[str, str, Any]], **more: Any) -> Reply:
        infos = [{f"{part}FiledKey": key, "jsonPath": path, "value": value} for key, path, value in updates]
        body = {**self.named, "updateInfos": infos, **more}
        return self.app.put(f"{SERVICE}/{part}/json/filed/update/batch", body)

    def cut(self, part: str, key: str, *paths: str, **more: Any) -> Reply:
        body = {**self.named, f"{part}FiledKey": key, "jsonPaths": paths, **more}
        return self.app.put(f"{SERVICE}/{part}/json/filed/delete", body)

    def delete(self, part: str, key: str, timestamp: int | None = None, **more: Any) -> Reply:
        at = self.time if timestamp is None else timestamp
        query = {**self.named, f"{part}FiledKey": key, "timestamp": at, **more}
        return self.app.delete(f"{SERVICE}/{part}?{urlencode(query)}")

    def clean(self) -> Reply:
        return self.app.delete(f"{SERVICE}/clean?{urlencode(self.named)}")


def add_thing(fleet: Fleet, app: Gateway, model: ThingModel = LAMP, node_id: str = "") -> Thing:
    name = node_id or f"thing-{next(_numbers)}"
    product = products.create(fleet.tenant, name, model, node_type=NodeType.ENDPOINT)
    made = registration.register(fleet.caller, NewDevice(name, registration.BY_SECRET, product=product.id))
    assert made.secret is not None
    return Thing(app, product, made.device.device, made.secret)


@dataclass
class Client:
    """A thing's MQTT client."""

    thing: Thing
    iot: FakeIot

    @property
    def name(self) -> str:
        return f"shadow_{self.thing.id}"

    def authorize(self, **changed: str) -> dict[str, Any]:
        from chalicelib.handlers.authorizer import authorize

        given = {"clientId": self.name, "username": self.thing.id, "password": self.thing.secret, **changed}
        given["password"] = base64.b64encode(given["password"].encode()).decode()
        return authorize({"protocolData": {"mqtt": given}})

    def connect(self) -> None:
        assert self.authorize()["isAuthenticated"]
        self.iot.connect(self.name)
        presence(self.name, f"session-{next(_numbers)}", "connected")

    def publish(self, kind: str, body: Any = None, *, message: str | None = None, to: str = "") -> None:
        raw = body if isinstance(body, bytes) else (b"" if body is None else body)
        publish(self.name, f"shadow/v1/{to or self.thing.id}/up/{kind}", raw, message=message)

    def got(self, kind: str) -> list[Any]:
        """What arrived on a topic, oldest first."""
        topic = f"shadow/v1/{self.thing.id}/down/{kind}"
        return [sent.json for sent in self.iot.to(self.name) if sent.topic == topic]

    def ask(self, **body: Any) -> Any:
        """The answer to `get`, of one part."""
        before = len(self.got("state"))
        self.publish("get", body)
        [answer] = self.got("state")[before:]
        return answer


def code(reply: Reply) -> int:
    """0 for success; HTTP status and both codes are as they have to be."""
    body = reply.json
    if body["code"] == 0:
        assert (reply.status, body["msg"], body["err_code"]) == (200, "ok", 10000)
        return 0
    assert body["result"] is None
    assert body["code"] == body["err_code"]
    return int(body["err_code"])
