"""Programs of Feiyan's two kinds: they sign their calls and put them into the envelope."""

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from chalicelib.core import clock, keys
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, Reply

ACCEPT = "application/json; charset=utf-8"
STREAM = "application/octet-stream; charset=utf-8"
_nonces = itertools.count(1)


def sign(
    secret: str,
    method: str,
    path: str,
    headers: dict[str, str],
    signed: list[str],
    pairs: dict[str, str] | None = None,
    digest: Any = hashlib.sha256,
) -> str:
    """As published clients do it. `pairs` are query and form fields."""
    lines = [method, *(headers.get(name, "") for name in ("Accept", "Content-MD5", "Content-Type", "Date"))]
    lines += [f"{name}:{headers.get(name, '')}" for name in sorted(signed)]
    query = "&".join(f"{name}={pairs[name]}" if pairs[name] else name for name in sorted(pairs or {}))
    lines.append(path + (f"?{query}" if query else ""))
    made = hmac.new(secret.encode(), "\n".join(lines).encode(), digest).digest()
    return base64.b64encode(made).decode()


@dataclass
class Program:
    """An app or, with `cloud_token`, a cloud. `user` of a call is a person's iotToken."""

    key: str
    secret: str
    cloud_token: str | None = None
    language: str | None = None
    gateway: Gateway = field(default_factory=Gateway)

    def call(
        self,
        path: str,
        version: str,
        params: Any = None,
        *,
        user: str | None = None,
        headers: dict[str, str] | None = None,
        ident: Any = "1509086454180",
        nonce: bool = False,
    ) -> Reply:
        body = json.dumps(self.envelope(version, params, user, ident))
        return self.send(path, body, headers, nonce=nonce)

    def ok(self, path: str, version: str, params: Any = None, **rest: Any) -> Any:
        """The answer's data; the call must succeed."""
        reply = self.call(path, version, params, **rest)
        assert (reply.status, reply.json["code"]) == (200, 200), reply.body
        return reply.json.get("data")

    def code(self, path: str, version: str, params: Any = None, **rest: Any) -> int:
        """The answer's code."""
        return int(self.call(path, version, params, **rest).json["code"])

    def envelope(self, version: str, params: Any, user: str | None, ident: Any = "1509086454180") -> Any:
        system = {"apiVer": version}
        if user is not None:
            system["iotToken"] = user
        elif self.cloud_token is not None:
            system["cloudToken"] = self.cloud_token
        if self.language is not None:
            system["language"] = self.language
        return {"id": ident, "version": "1.0", "request": system, "params": {} if params is None else params}

    def send(
        self, path: str, body: str, headers: dict[str, str] | None = None, *, nonce: bool = False
    ) -> Reply:
        """A signed POST of a body that is no form."""
        given = {
            "Accept": ACCEPT,
            "Content-Type": STREAM,
            "Content-MD5": base64.b64encode(hashlib.md5(body.encode()).digest()).decode(),
            "X-Ca-Key": self.key,
            "X-Ca-Timestamp": str(clock.now()),
            **({"X-Ca-Nonce": f"nonce-{next(_nonces)}"} if nonce else {}),
            **(headers or {}),
        }
        signed = [name for name in given if name.startswith("X-Ca-") and name != "X-Ca-Signature-Method"]
        given.setdefault("X-Ca-Signature-Headers", ",".join(signed))
        given.setdefault("X-Ca-Signature", sign(self.secret, "POST", path, given, signed))
        return self.gateway.post(path, body, headers=given)

    def form(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Reply:
        """A signed form, as the account service gets it."""
        given = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Ca-Key": self.key,
            "X-Ca-Timestamp": str(clock.now()),
            **(headers or {}),
        }
        shown = sign(self.secret, "POST", path, given, ["X-Ca-Key", "X-Ca-Timestamp"], fields)
        names = {"X-Ca-Signature-Headers": "X-Ca-Key,X-Ca-Timestamp", "X-Ca-Signature": shown}
        return self.gateway.post(path, urlencode(fields), headers={**given, **names})


@dataclass
class Someone:
    """A person: identityId and iotToken."""

    id: str
    token: str


def app_of(fleet: Fleet) -> Program:
    key, secret = keys.create(fleet.application, "feiyan app")
    return Program(key.id, secret)


def cloud_of(fleet: Fleet) -> Program:
    """A cloud that has got its token."""
    key, secret = keys.create(fleet.application, "feiyan cloud")
    made = Program(key.id, secret)
    data = made.ok("/cloud/token", "1.0.1", {"grantType": "project", "res": fleet.application})
    made.cloud_token = data["cloudToken"]
    return made


def someone(fleet: Fleet, name: str) -> Someone:
    """A new person of the application, logged in."""
    from chalicelib.core import user_sessions, users

    made = users.create(fleet.caller, users.NewUser(login=f"{name}@example.com", nickname=name))
    return Someone(made.id, user_sessions.open(made.id).access)
