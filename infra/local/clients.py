"""An app and a device of Huawei's system as their owners would write them, and a receiver of callbacks.

The demo and the end-to-end tests tell their stories with these. They know the documented wire and
nothing of the server's code: HTTP by the standard library, MQTT by paho-mqtt.
"""

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import paho.mqtt.client as mqtt

T = TypeVar("T")

ANSWER_WITHIN = 20.0  # s, for each thing waited for
DROP = 0  # a receiver's failure: the connection ends without an answer
LOGIN = "/iocm/app/sec/v1.1.0/login"


class Late(Exception):
    """Something did not happen in time; the text says what."""


class Refused(Exception):
    """The broker let the device not in."""


class CallFailed(Exception):
    """The API answered another status than one of success."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        super().__init__(f"{method} {path} was answered {status}: {json.dumps(body)}")
        self.status = status
        self.code = str(body.get("error_code", "")) if isinstance(body, dict) else ""


class Inbox(Generic[T]):
    """What has arrived from another thread, in order of arrival; nothing is taken out."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def all(self, matches: Callable[[T], object] = lambda _: True) -> list[T]:
        with self._changed:
            return [item for item in self._items if matches(item)]

    def wait(
        self, matches: Callable[[T], object], what: str, count: int = 1, timeout: float = ANSWER_WITHIN
    ) -> T:
        """The `count`th item that matches. Raises Late, naming `what`."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = [item for item in self._items if matches(item)]
                if len(found) >= count:
                    return found[count - 1]
                if not self._changed.wait(deadline - time.monotonic()):
                    seen = f"{len(found)} of {count}; {len(self._items)} came in all"
                    raise Late(f"no {what} within {timeout:g} s ({seen})")


class App:
    """An application. `calls` is told of each exchange: method, path, body sent, status, body received."""

    def __init__(self, url: str, app_id: str, secret: str) -> None:
        self.url = url.rstrip("/")
        self.app_id = app_id
        self._secret = secret
        self.token = ""
        self.calls: Callable[[str, str, Any, int, Any], None] = lambda *_: None

    def login(self) -> dict[str, Any]:
        form = urlencode({"appId": self.app_id, "secret": self._secret})
        answer = self._exchange("POST", LOGIN, form, {"Content-Type": "application/x-www-form-urlencoded"})
        self.token = answer["accessToken"]
        found: dict[str, Any] = answer
        return found

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body, None for an empty one. Raises CallFailed, Late."""
        headers = {
            "app_key": self.app_id,
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }
        return self._exchange(method, path, None if body is None else json.dumps(body), headers)

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Any:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=ANSWER_WITHIN)
        try:
            connection.request(method, parts.path + path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except TimeoutError as error:
            raise Late(f"no answer to {method} {path} within {ANSWER_WITHIN:g} s") from error
        finally:
            connection.close()
        read = _read(text)
        self.calls(method, path, body, answer.status, read)
        if not 200 <= answer.status < 300 or isinstance(read, str) or "error_code" in (read or ()):
            raise CallFailed(method, path, answer.status, read)
        return read


def _read(text: bytes) -> Any:
    """The JSON in a body, None for an empty one, a string for what is no JSON."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text[:200].decode(errors="replace")


def hour(ahead: int = 0) -> str:
    """The time stamp in a client id: this hour, or one some hours ahead."""
    return datetime.fromtimestamp(time.time() + 3600 * ahead, UTC).strftime("%Y%m%d%H")


def password(secret: str, stamp: str) -> str:
    return hmac.new(stamp.encode(), secret.encode(), hashlib.sha256).hexdigest()


class Device:
    """A device with one MQTT link; `commands`, `desired` and `upgrades` hold what it was sent."""

    def __init__(self, mqtt_at: tuple[str, int], device: str, secret: str, stamp: str | None = None) -> None:
        self.device = device
        self.stamp = stamp or hour()
        self.client_id = f"{device}_0_0_{self.stamp}"
        self.commands: Inbox[dict[str, Any]] = Inbox()
        self.desired: Inbox[dict[str, Any]] = Inbox()
        self.upgrades: Inbox[dict[str, Any]] = Inbox()
        self._at = mqtt_at
        self._said: Inbox[str] = Inbox()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=self.client_id, reconnect_on_failure=False
        )
        self._client.username_pw_set(device, password(secret, self.stamp))
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._said.put(f"connack {reason}")
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self._said.put(f"end {reason}")
        self._client.on_subscribe = lambda *_: self._said.put("suback")
        self._client.on_message = lambda _c, _u, message: self._take(json.loads(message.payload))

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def connect(self) -> None:
        """Connect and subscribe to commands. Raises Refused, Late."""
        before = len(self._said.all())
        self._client.connect(*self._at)
        self._client.loop_start()
        said = self._said.wait(lambda _: True, f"answer to CONNECT of {self.client_id}", before + 1)
        if said != "connack Success":
            self.close()
            raise Refused(f"CONNECT of {self.client_id} was refused: {said}")
        self._client.subscribe(f"/huawei/v1/devices/{self.device}/command/json", qos=1)
        self._said.wait(lambda text: text == "suback", "answer to SUBSCRIBE")

    def _take(self, message: dict[str, Any]) -> None:
        inboxes = {"cloudDesired": self.desired, "cloudUpgrade": self.upgrades}
        inboxes.get(message["msgType"], self.commands).put(message)

    def report(self, service: str, data: dict[str, Any], child: str | None = None) -> None:
        """Publish a report, a gateway's for a child where one is named; returns once the broker has it."""
        self._publish({"msgType": "deviceReq", "data": [{"serviceId": service, "serviceData": data}]}, child)

    def answer(self, mid: int, body: dict[str, Any], errcode: int = 0, child: str | None = None) -> None:
        """Answer the command that came with this mid."""
        self._publish({"msgType": "deviceRsp", "mid": mid, "errcode": errcode, "body": body}, child)

    def tell(self, upgrade: dict[str, Any], **said: Any) -> None:
        """Say something of an upgrade it was told of."""
        ids = {name: upgrade[name] for name in ("operationId", "attempt")}
        self._publish({"msgType": "deviceUpgrade", **ids, **said}, None)

    def send_binary(self, payload: bytes) -> None:
        """Publish a payload that is no JSON; returns once the broker has it."""
        self._send(f"/huawei/v1/devices/{self.device}/data/binary", payload)

    def _publish(self, message: dict[str, Any], child: str | None) -> None:
        self._send(f"/huawei/v1/devices/{child or self.device}/data/json", json.dumps(message))

    def _send(self, topic: str, payload: str | bytes) -> None:
        sent = self._client.publish(topic, payload, qos=1)
        sent.wait_for_publish(ANSWER_WITHIN)
        if not sent.is_published():
            raise Late(f"the broker did not acknowledge a message of {self.device}")

    def wait_ended(self) -> None:
        """Return once the other side has ended the link. Raises Late."""
        self._said.wait(lambda text: text.startswith("end"), f"end of the link of {self.client_id}")
        self.close()

    def close(self) -> None:
        """Say goodbye. Harmless twice."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(frozen=True)
class Push:
    """One callback as it arrived. `attempt` counts from 1 for each event and subscription."""

    path: str
    event: str
    attempt: int
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its notifyType; a command's own callback has none."""
        return str(self.body.get("notifyType") or "commandStatusChanged")

    @property
    def device(self) -> str:
        return str(self.body.get("deviceId") or self.body.get("header", {}).get("deviceId", ""))


@dataclass
class Receiver:
    """An app's callback receiver on loopback; `failing` are answers to give before the 200s."""

    pushes: Inbox[Push] = field(default_factory=Inbox)
    failing: list[int] = field(default_factory=list)

    def __enter__(self) -> "Receiver":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(ANSWER_WITHIN)

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def take(self, path: str, headers: Any, body: bytes) -> int:
        """Keep a push; the status to answer."""
        event, attempt = headers["X-Polything-Event-Id"], int(headers["X-Polything-Attempt"])
        status = self.failing.pop(0) if self.failing else 200
        self.pushes.put(Push(path, event, attempt, json.loads(body)))
        return status


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(self.path, self.headers, body)
            if status == DROP:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass  # what came is in the inbox

    return Handler
