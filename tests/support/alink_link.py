"""Alink over real MQTT: a device, or an app's long connection, by paho-mqtt."""

import itertools
import json
import time
from typing import Any

import paho.mqtt.client as mqtt

from infra.local.clients import ANSWER_WITHIN, Inbox, Refused
from tests.support.alink import sign

_numbers = itertools.count(1)


class Link:
    """One MQTT link with a certificate; `inbox` holds topic and body of all that came."""

    def __init__(self, at: tuple[str, int], product: str, name: str, secret: str) -> None:
        self.own, self._at = f"/sys/{product}/{name}", at
        self.inbox: Inbox[tuple[str, Any]] = Inbox()
        self._said: Inbox[str] = Inbox()
        stamp, ident = str(time.time_ns() // 1_000_000), f"sdk-{name[:20]}"
        client = f"{ident}|securemode=3,signmethod=hmacsha1,timestamp={stamp}|"
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client, reconnect_on_failure=False
        )
        password = sign(secret, ident, name, product, stamp, "hmacsha1")
        self._client.username_pw_set(f"{name}&{product}", password)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._said.put(f"connack {reason}")
        self._client.on_subscribe = lambda *_: self._said.put("suback")
        self._client.on_message = lambda _c, _u, got: self.inbox.put((got.topic, json.loads(got.payload)))

    def connect(self, *filters: str) -> None:
        """Connect, and subscribe to these below the link's own name. Raises Refused, Late."""
        self._client.connect(*self._at)
        self._client.loop_start()
        said = self._said.wait(lambda _: True, "an answer to CONNECT")
        if said != "connack Success":
            self.close()
            raise Refused(said)
        for number, one in enumerate(filters, 1):
            self._client.subscribe(f"{self.own}/{one}", qos=1)
            self._said.wait(lambda text: text == "suback", "an answer to SUBSCRIBE", number)

    def say(self, path: str, params: Any, **more: Any) -> str:
        """Publish below the link's own name; the message's id."""
        ident = str(next(_numbers))
        body = {"id": ident, "version": "1.0", "params": params, **more}
        self._client.publish(f"{self.own}/{path}", json.dumps(body), qos=1).wait_for_publish(ANSWER_WITHIN)
        return ident

    def ask(self, path: str, params: Any, **more: Any) -> Any:
        """What comes back on `…_reply`."""
        return self.answer(f"{path}_reply", self.say(path, params, **more))

    def answer(self, path: str, ident: str) -> Any:
        topic = f"{self.own}/{path}"
        found = self.inbox.wait(lambda got: got[0] == topic and got[1]["id"] == ident, f"{topic} of {ident}")
        return found[1]

    def got(self, path: str, count: int = 1) -> Any:
        topic = f"{self.own}/{path}"
        return self.inbox.wait(lambda got: got[0] == topic, topic, count)[1]

    def all(self, path: str) -> list[Any]:
        return [body for topic, body in self.inbox.all() if topic == f"{self.own}/{path}"]

    def reply(self, path: str, asked: Any, data: Any = None, code: int = 200) -> None:
        """Answer a message of the cloud's."""
        body = {"id": asked["id"], "code": code, "data": {} if data is None else data}
        self._client.publish(f"{self.own}/{path}_reply", json.dumps(body), qos=1).wait_for_publish(
            ANSWER_WITHIN
        )

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
