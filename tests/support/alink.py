"""Alink clients, as the authorizer, the topic rules and the presence rule show them."""

import base64
import hashlib
import hmac
import itertools
from dataclasses import dataclass
from typing import Any

from tests.support.iot import FakeIot, Reaction, Sent
from tests.support.mqtt import presence, publish

_numbers = itertools.count(1)


def sign(
    secret: str, client: str, name: str, product: str, stamp: str | None, method: str = "hmacsha256"
) -> str:
    text = f"clientId{client}deviceName{name}productKey{product}"
    text += f"timestamp{stamp}" if stamp is not None else ""
    digest = {"hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}[method]
    return hmac.new(secret.encode(), text.encode(), digest).hexdigest()


@dataclass
class Alink:
    """A device, or an app's channel, with its certificate."""

    product: str
    name: str
    secret: str
    iot: FakeIot | None = None
    ident: str = "sdk-1"
    method: str = "hmacsha256"
    stamp: str | None = "1524448722000"
    session: str = ""
    device: str = ""  # its id

    @property
    def client(self) -> str:
        stamp = f",timestamp={self.stamp}" if self.stamp is not None else ""
        return f"{self.ident}|securemode=2,signmethod={self.method}{stamp}|"

    @property
    def username(self) -> str:
        return f"{self.name}&{self.product}"

    @property
    def password(self) -> str:
        return sign(self.secret, self.ident, self.name, self.product, self.stamp, self.method)

    @property
    def own(self) -> str:
        return f"/sys/{self.product}/{self.name}"

    def authorize(self, **changed: str) -> dict[str, Any]:
        from chalicelib.handlers.authorizer import authorize

        given = {"clientId": self.client, "username": self.username, "password": self.password, **changed}
        given["password"] = base64.b64encode(given["password"].encode()).decode()
        return authorize({"protocolData": {"mqtt": given}})

    def admitted(self, **changed: str) -> bool:
        return bool(self.authorize(**changed)["isAuthenticated"])

    def connect(self, reaction: Reaction = Reaction.CONFIRMS) -> None:
        """Admitted and announced."""
        assert self.admitted()
        if self.iot is not None:
            self.iot.connect(self.client, reaction)
        self.session = f"alink-session-{next(_numbers)}"
        presence(self.client, self.session, "connected")

    def disconnect(self) -> None:
        if self.iot is not None:
            self.iot.drop(self.client)
        presence(self.client, self.session, "disconnected")

    def raw(self, topic: str, payload: Any, **how: Any) -> None:
        publish(self.client, topic, payload, how.get("at"), how.get("message"))

    def say(self, path: str, params: Any = None, ident: str | int = "1", **more: Any) -> None:
        """A message below the device's own name."""
        how = {key: more.pop(key) for key in ("at", "message") if key in more}
        body = {"id": ident, "version": "1.0", "params": {} if params is None else params, **more}
        self.raw(f"{self.own}/{path}", body, **how)

    def ask(self, path: str, params: Any = None, ident: str | int = "1", **more: Any) -> dict[str, Any]:
        """What the cloud answers."""
        return self.ask_at(f"{self.own}/{path}", params, ident, **more)

    def ask_at(self, topic: str, params: Any = None, ident: str | int = "1", **more: Any) -> dict[str, Any]:
        assert self.iot is not None
        before = len(self.iot.to(self.client))
        self.raw(topic, {"id": ident, "version": "1.0", "params": {} if params is None else params, **more})
        [answer] = self.iot.to(self.client)[before:]
        assert answer.topic == f"{topic}_reply"
        body: dict[str, Any] = answer.json
        return body

    def got(self, topic: str) -> list[Any]:
        assert self.iot is not None
        return [each.json for each in self.iot.to(self.client) if each.topic == topic]

    def messages(self) -> list[Sent]:
        assert self.iot is not None
        return self.iot.to(self.client)
