"""Who calls: a request signed with the secret of an app key, and a token for whom it is made.

The signature is the base64 of an HMAC-SHA256 (SHA-1 where the header says so) over method, Accept,
Content-MD5, Content-Type and Date, a line each; the headers that `X-Ca-Signature-Headers` names, sorted;
and the path with query and form fields, sorted. A nonce is taken once; a timestamp may be 15 minutes off.

An app's call shows an `iotToken`, a cloud's a `cloudToken`; both belong to one project, that of the key.

Source: Feiyan 3 (signature), 1 (public parameters)
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator

from ...core import clock, flow, keys, receipts, tokens, user_sessions
from ...core.applications import Caller
from ...core.errors import InvalidKey, InvalidToken, MissingCredentials, NotAuthorized, PolythingError
from ...core.receipts import Repeated
from ...store.transactions import Transaction
from ...web.operations import Operation
from ...web.request import Request
from . import envelope
from .declaring import About, Audience, Who
from .errors import BadSignature, InvalidCloudToken

WINDOW = 15 * clock.MINUTE
KEY, SIGNATURE, SIGNED = "X-Ca-Key", "X-Ca-Signature", "X-Ca-Signature-Headers"
METHOD, TIMESTAMP, NONCE = "X-Ca-Signature-Method", "X-Ca-Timestamp", "X-Ca-Nonce"
MILLISECONDS = re.compile(r"[0-9]{1,16}")
LONGEST_NONCE = 128
MOST_SIGNED = 64  # headers
HASHES = {"hmacsha256": hashlib.sha256, "hmacsha1": hashlib.sha1}
NEVER_SIGNED = {"x-ca-signature", "x-ca-signature-headers", "accept", "content-md5", "content-type", "date"}
CLOUD_GRANT = "feiyan-cloud-"

USES = {Audience.APP: keys.Use.APP, Audience.CLOUD: keys.Use.CLOUD}
REFUSALS: dict[
    Who, tuple[type[PolythingError], ...]
] = {  # what a call can be refused for beside its signature
    Who.PERSON: (MissingCredentials, InvalidToken),
    Who.EITHER: (InvalidCloudToken,),
    Who.ANYBODY: (InvalidToken,),
    Who.NOBODY: (),
}


def authenticate(request: Request, operation: Operation) -> Caller:
    """A `Person` where the call shows a person's token, else the project's application.

    No AWS call for a key and a token of a moment ago, and one where a nonce has to be remembered.
    Raises BadSignature, InvalidKey, MissingCredentials, InvalidToken, InvalidCloudToken, NotAuthorized,
    Throttled.
    """
    about: About = operation.about or About()
    caller = signer(request, USES[about.audience])
    flow.admit(caller.application)
    if about.audience is Audience.CLOUD:
        return _cloud(request, caller) if about.who is not Who.NOBODY else caller
    return _person(request, caller, about.who)


def signer(request: Request, use: keys.Use) -> Caller:
    """The application whose key signed the request. Raises BadSignature, NotAuthorized where the key is one
    of the other kind of program.
    """
    ident = request.header(KEY) or ""
    shown = request.header(SIGNATURE) or ""
    if not ident or not shown:
        raise BadSignature(f"Empty {KEY if not ident else SIGNATURE}")
    try:
        key, secret = keys.load(ident, use=None)
    except InvalidKey:
        raise BadSignature("Invalid AppKey") from None
    _check_digest(request)
    digest = HASHES.get((request.header(METHOD) or "HmacSHA256").lower())
    if digest is None:
        raise BadSignature(f"Invalid {METHOD}")
    texts = list(_texts(request))
    made = (base64.b64encode(hmac.new(secret.encode(), text, digest).digest()) for text in texts)
    if not any(hmac.compare_digest(each, shown.encode(errors="replace")) for each in made):
        said = texts[0].decode(errors="replace").replace("\n", "").replace("\r", "")
        raise BadSignature(f"Invalid Signature, Server StringToSign:{_printable(said)}")
    _check_time(request, key.id)
    if not key.good_for(use):
        raise NotAuthorized(f"the key is none for {use.value} programs")
    return key.caller


def key_use(request: Request) -> keys.Use:
    """Whose programs hold the key of a request that was let in."""
    return keys.find(request.header(KEY) or "").use


def _check_time(request: Request, key: str) -> None:
    stamp, nonce = request.header(TIMESTAMP) or "", request.header(NONCE) or ""
    if stamp and (not MILLISECONDS.fullmatch(stamp) or abs(clock.now() - int(stamp)) > WINDOW):
        raise BadSignature("Invalid Timestamp")
    if not nonce:
        return
    if len(nonce) > LONGEST_NONCE:
        raise BadSignature("Invalid Nonce")
    change = Transaction()
    receipts.add(change, f"nonce#{key}#{nonce}", clock.now())
    try:
        change.commit()
    except Repeated:
        raise BadSignature("Nonce Used") from None


def _check_digest(request: Request) -> None:
    """The MD5 of a body that is no form, where one is given."""
    given = request.header("content-md5")
    if not given or envelope.form_fields(request):
        return
    made = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest())
    if not hmac.compare_digest(made, given.encode(errors="replace")):
        raise BadSignature("Invalid Content-MD5")


def _texts(request: Request) -> Iterator[bytes]:
    """What may have been signed: the path as the client wrote it, or the one without a stage."""
    head = [
        request.method,
        *(request.header(each) or "" for each in ("accept", "content-md5", "content-type")),
    ]
    head.append(request.header("date") or "")
    lines = "".join(f"{each}\n" for each in head) + "".join(_headers(request))
    asked = {name: values[0] for name, values in request.query.items() if values}
    fields = {**envelope.form_fields(request), **asked}
    pairs = [f"{name}={fields[name]}" if fields[name] else name for name in sorted(fields)]
    query = "?" + "&".join(pairs) if pairs else ""
    for path in dict.fromkeys((request.full_path or request.path, request.path)):
        yield (lines + path + query).encode(errors="replace")


def _headers(request: Request) -> Iterator[str]:
    """Names as the client spells them. A comma stands between them, a colon in the vendor's document."""
    names = [each.strip() for each in re.split("[,:]", request.header(SIGNED) or "")]
    if len(names) > MOST_SIGNED:
        raise BadSignature(f"Invalid {SIGNED}")
    for name in sorted({each for each in names if each and each.lower() not in NEVER_SIGNED}):
        yield f"{name}:{request.header(name) or ''}\n"


def _printable(text: str) -> str:
    """What a header may hold."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text)[:4096]


def cloud_grant(application: str) -> str:
    """One grant a project: a new token ends the one before it."""
    return CLOUD_GRANT + application


def _cloud(request: Request, caller: Caller) -> Caller:
    shown = envelope.opened(request).request.cloud_token
    if not shown:
        raise InvalidCloudToken("no cloudToken")
    return check_cloud(shown, caller)


def check_cloud(token: str, caller: Caller) -> Caller:
    """Raises InvalidCloudToken, also for another project's."""
    try:
        grant = tokens.check(token)
    except InvalidToken as error:
        raise InvalidCloudToken(str(error)) from None
    if grant.grant != cloud_grant(caller.application):
        raise InvalidCloudToken("of another project")
    return caller


def _person(request: Request, caller: Caller, who: Who) -> Caller:
    """The person, or the application where the call may be anybody's."""
    if who is Who.NOBODY:
        return caller
    system = envelope.opened(request).request
    if system.iot_token:
        person = user_sessions.person(system.iot_token)
        if person.application != caller.application:
            raise InvalidToken("of another project")
        return person
    if who is not Who.PERSON and system.cloud_token:
        return _cloud(request, caller)
    if who is Who.ANYBODY:
        return caller
    raise MissingCredentials("iotToken")
