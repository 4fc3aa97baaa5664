"""Who calls: a request signed with the secret of an access key.

The signature is the base64 of an HMAC-SHA1 over lines of `name:value`: application, timestamp, then
query parameters and MasterKey by name, in byte order; then the body as it is. An absent MasterKey
counts as an empty line for some clients and not at all for others: both are taken. A request is good
for `WINDOW` around its timestamp, not for ever; clients learn the time from `/echo`.

Source: CTWing, public parameters
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping

from ...core import clock, flow, keys
from ...core.applications import Caller
from ...core.errors import InvalidKey, InvalidToken, MissingCredentials, WrongSecret
from ...web.operations import Operation
from ...web.request import Request

WINDOW = 15 * clock.MINUTE
TIMESTAMP = re.compile(r"[0-9]{1,16}")
MASTER_KEY = "MasterKey"


def authenticate(request: Request, operation: Operation) -> Caller | None:
    """None for an operation that needs no caller.

    Raises MissingCredentials, InvalidKey, InvalidToken where the timestamp is off, Throttled.
    """
    if operation.public:
        return None
    application, timestamp, signature = (
        request.header(name) or "" for name in ("application", "timestamp", "signature")
    )
    if not (application and timestamp and signature):
        raise MissingCredentials("application, timestamp and signature")
    key, secret = keys.load(application)
    texts = _texts(application, timestamp, _parameters(request), request.body)
    if not any(hmac.compare_digest(sign(secret, text), signature.encode()) for text in texts):
        raise InvalidKey(application)
    if not TIMESTAMP.fullmatch(timestamp) or abs(clock.now() - int(timestamp)) > WINDOW:
        raise InvalidToken("the timestamp is off")
    flow.admit(key.application)
    return key.caller


def sign(secret: str, text: bytes) -> bytes:
    digest = hmac.new(secret.encode(), text, hashlib.sha1).digest()
    return base64.b64encode(digest)


def _parameters(request: Request) -> dict[str, str]:
    """What is signed by name: of a parameter given twice the first. Raises WrongSecret for two MasterKeys."""
    found = {name: given[0] for name, given in request.query.items() if given}
    header = request.header(MASTER_KEY)
    if header and found.get(MASTER_KEY, "") not in ("", header):
        raise WrongSecret("two MasterKeys")
    return found | ({MASTER_KEY: header} if header else {})


def _texts(application: str, timestamp: str, parameters: Mapping[str, str], body: bytes) -> Iterator[bytes]:
    """The text that is signed, in both spellings where there is no MasterKey."""
    if parameters.get(MASTER_KEY):
        yield _text(application, timestamp, parameters, body)
        return
    others = {name: value for name, value in parameters.items() if name != MASTER_KEY}
    yield _text(application, timestamp, others, body)
    yield _text(application, timestamp, {**others, MASTER_KEY: ""}, body)


def _text(application: str, timestamp: str, parameters: Mapping[str, str], body: bytes) -> bytes:
    by_name = sorted(parameters.items(), key=lambda each: each[0].encode(errors="replace"))
    lines = [("application", application), ("timestamp", timestamp), *by_name]
    head = "".join(f"{name}:{value}\n" for name, value in lines).encode(errors="replace")
    return head + body + b"\n" if body else head
