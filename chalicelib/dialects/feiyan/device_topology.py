"""Gateways over Alink: which devices are behind them, and which of those are there.

    /sys/{productKey}/{deviceName}/thing/topo/add        brings devices, each with its own signature
    /sys/{productKey}/{deviceName}/thing/topo/delete     gives them up
    /sys/{productKey}/{deviceName}/thing/topo/get        lists them
    /sys/{productKey}/{deviceName}/thing/sub/register    asks for the secrets of devices of its application
    /ext/session/{productKey}/{deviceName}/combine/login, …/logout    a child comes and goes

A device that another gateway has is brought over: its signature says that it is here now. A secret is told
only of a device that was never active or is behind this gateway, and whose product lets devices register
themselves. A child that reports is there, signed on or not.

Source: Alibaba Living IoT, sub-devices
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from ...core import children, products, telemetry, thing_calls
from ...core.applications import Caller
from ...core.errors import Busy, DeviceNotFound, InvalidInput, WrongSecret
from ...core.links import Session
from ...core.telemetry import Report
from . import alink
from .alink import Refused, Request

MOST_AT_ONCE = 30  # devices of one message
MOST_LISTED = 1000
METHODS = {"hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}

Text = Annotated[str, Meta(max_length=128)]


class Named(msgspec.Struct, frozen=True, rename="camel"):
    product_key: Text
    device_name: Text


class Signed(Named, frozen=True, rename="camel"):
    """The method is spelled in two ways in the protocol's own messages."""

    client_id: Text = ""
    timestamp: Text | int | None = None
    sign: Text = ""
    sign_method: Text = ""
    lower: Text = msgspec.field(default="", name="signmethod")

    def proves(self, secret: str) -> bool:
        method = METHODS.get((self.sign_method or self.lower).lower())
        if method is None or not secret:
            return False
        text = f"clientId{self.client_id}deviceName{self.device_name}productKey{self.product_key}"
        text += f"timestamp{self.timestamp}" if self.timestamp is not None else ""
        made = hmac.new(secret.encode(), text.encode(), method).hexdigest()
        return hmac.compare_digest(made.encode(), self.sign.lower().encode())


S = TypeVar("S")
Act = Callable[[Session, Report, Request], Any]


def do(session: Session, group: str, kind: str, said: Report, read: Request) -> Any:
    """What a gateway says about itself; the answer's data. Raises Refused, DeviceNotFound."""
    act = ACTS.get((group, kind))
    if act is None:
        raise Refused(alink.NO_METHOD)
    try:
        return act(session, said, read)
    except WrongSecret as error:
        raise Refused(alink.BAD_SIGN) from error
    except (InvalidInput, Busy) as error:
        raise Refused(alink.BAD_REQUEST, {"reason": str(error)}) from error


def _read(params: Any, kind: type[S]) -> S:
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise Refused(alink.BAD_REQUEST) from error


def _several(params: Any, kind: type[S]) -> list[S]:
    """Raises Refused for none, and for more than MOST_AT_ONCE."""
    if not isinstance(params, list) or not 1 <= len(params) <= MOST_AT_ONCE:
        raise Refused(alink.BAD_REQUEST)
    return [_read(each, kind) for each in params]


def _find(session: Session, named: Named, missing: int) -> str:
    """One AWS call, two more where device and product were not read seconds ago. Raises Refused."""
    try:
        found = thing_calls.find(Caller(session.tenant, "", ""), named.product_key, named.device_name)
    except DeviceNotFound as error:
        raise Refused(missing) from error
    if found == session.device:
        raise Refused(alink.NOT_ITSELF)
    return found


def _add(session: Session, said: Report, read: Request) -> Any:
    """All that come before one that is refused are added. Six AWS calls each."""
    for each in _several(read.params, Signed):
        child = _find(session, each, alink.NO_DEVICE)
        try:
            children.join(session.device, child, each.proves)
        except DeviceNotFound as error:
            raise Refused(alink.NO_DEVICE) from error


def _delete(session: Session, said: Report, read: Request) -> Any:
    """Four AWS calls each."""
    for each in _several(read.params, Named):
        child = _find(session, each, alink.NO_TOPOLOGY)
        try:
            children.leave(session.device, child)
        except DeviceNotFound as error:
            raise Refused(alink.NO_TOPOLOGY) from error


def _get(session: Session, said: Report, read: Request) -> Any:
    """The first MOST_LISTED. A query, one AWS call a hundred children and one a product not in memory."""
    found = []
    for record in children.records_of(session.device, MOST_LISTED):
        product = products.load(record.product)
        if product is not None:
            found.append({"productKey": product.short_id, "deviceName": record.node_id})
    return sorted(found, key=lambda each: (each["productKey"], each["deviceName"]))


def _register(session: Session, said: Report, read: Request) -> Any:
    """Four AWS calls each."""
    found = []
    for each in _several(read.params, Named):
        device = _find(session, each, alink.NO_DEVICE)
        try:
            secret = children.secret_for(session.device, device)
        except DeviceNotFound as error:
            raise Refused(alink.NO_DEVICE) from error
        found.append({"iotId": device, **_named(each), "deviceSecret": secret})
    return found


def _login(session: Session, said: Report, read: Request) -> Any:
    """A child that signs on is in contact. Seven AWS calls at most."""
    params = _read(read.params, Signed)
    child = _find(session, params, alink.NO_DEVICE)
    children.prove(child, params.proves)
    if telemetry.report(msgspec.structs.replace(said, device=child)).refused:
        raise Refused(alink.NO_TOPOLOGY)
    return _named(params)


def _logout(session: Session, said: Report, read: Request) -> Any:
    """Five AWS calls at most."""
    params = _read(read.params, Named)
    child = _find(session, params, alink.NO_SESSION)
    if not children.sign_off(session.device, child, said.received):
        raise Refused(alink.NO_SESSION)
    return _named(params)


def _named(named: Named) -> dict[str, str]:
    return {"productKey": named.product_key, "deviceName": named.device_name}


ACTS: dict[tuple[str, str], Act] = {
    ("topo", "add"): _add,
    ("topo", "delete"): _delete,
    ("topo", "get"): _get,
    ("sub", "register"): _register,
    ("combine", "login"): _login,
    ("combine", "logout"): _logout,
}
