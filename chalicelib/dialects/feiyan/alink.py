"""Alink messages: their envelope, their codes, and the topics they travel on.

Up `{id, version, params, method, sys: {ack}}`, an answer `{id, code, data, message, method, version}` on the
topic with `_reply` behind it. A message with `sys.ack` 0 is not answered.

Source: Alibaba Living IoT, Alink protocol
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...core import shadow_sync
from ...core.downlink import Message
from ...core.links import Session
from ...web import validation

VERSION = "1.0"
MOST_BYTES = 128 * 1024
MOST_DEPTH = 32
LONGEST_ID = 64

OK = 200
BAD_REQUEST = 460
NO_SESSION = 520  # the child is not signed on, or not the gateway's
NO_DEVICE = 6100
TOO_MANY = 6106
NOT_JSON = 6207
BAD_SIGN = 6287
NO_METHOD = 6450
UNKNOWN = 6320  # the thing model has nothing of this name
NO_TOPOLOGY = 6401
NOT_ITSELF = 6402
MESSAGES = {
    OK: "success",
    BAD_REQUEST: "request parameter error",
    NO_SESSION: "no session of the device",
    NO_DEVICE: "device not found",
    TOO_MANY: "too many properties",
    NOT_JSON: "not a JSON object",
    BAD_SIGN: "invalid sign",
    NO_METHOD: "method not found",
    UNKNOWN: "not in the thing model",
    NO_TOPOLOGY: "topological relation not found",
    NOT_ITSELF: "a device is no child of its own",
}


class Sys(msgspec.Struct, frozen=True):
    ack: int = 1


class Request(msgspec.Struct, frozen=True):
    """`params` are the method's own; `sys` may ask for no answer."""

    id: str | int = ""
    params: Any = None
    code: int | None = None  # of an answer
    data: Any = None
    sys: Sys | None = None

    @property
    def answered(self) -> bool:
        return self.sys is None or self.sys.ack != 0

    @property
    def ident(self) -> str:
        return str(self.id)[:LONGEST_ID]


class Refused(Exception):
    """The message is answered with `code`; `data` says more."""

    def __init__(self, code: int, data: Any = None) -> None:
        super().__init__(MESSAGES[code])
        self.code = code
        self.data = data


def read(payload: bytes) -> Request:
    """Raises Refused."""
    if len(payload) > MOST_BYTES or validation.deeper(payload, MOST_DEPTH):
        raise Refused(BAD_REQUEST)
    try:
        return msgspec.json.decode(payload, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(NOT_JSON) from error


def params_of(said: Request) -> dict[str, Any]:
    """Raises Refused where they are no object."""
    if said.params is None:
        return {}
    if not isinstance(said.params, dict):
        raise Refused(BAD_REQUEST)
    return said.params


def reply(topic: str, method: str | None, ident: str, code: int, data: Any = None) -> Message:
    body = {
        "id": ident,
        "code": code,
        "data": {} if data is None else data,
        "message": MESSAGES[code],
        "version": VERSION,
    }
    if method is not None:
        body["method"] = method
    return Message(f"{topic}_reply", msgspec.json.encode(body))


def request(topic: str, method: str, ident: str, params: Mapping[str, Any]) -> Message:
    """A message to the device that it is to answer."""
    body = {"id": ident, "version": VERSION, "params": params, "method": method}
    return Message(topic, msgspec.json.encode(body))


def tell(session: Session, message: Message) -> None:
    """Nothing is repeated: who gets no answer asks again. One AWS call."""
    shadow_sync.tell(session.client, [message])
