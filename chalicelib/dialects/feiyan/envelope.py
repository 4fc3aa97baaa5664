"""The envelope of every call and answer. Source: Feiyan 1 (public parameters)"""

from functools import cache, lru_cache
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Raw

from ...core.errors import InvalidInput
from ...web import validation
from ...web.request import Request
from .declaring import About, Beside, Who
from .errors import NO_ID, JsonAsText

FORM = "application/x-www-form-urlencoded"
NOTHING = Raw(b"{}")
MOST_ID = 256  # bytes of the id that is echoed
Token = Annotated[str, Meta(max_length=512)]


class System(msgspec.Struct, frozen=True, rename="camel"):
    """`request` of the envelope."""

    api_ver: Annotated[str, Meta(max_length=32)] = ""
    iot_token: Token | None = None
    cloud_token: Token | None = None
    language: Annotated[str, Meta(max_length=32)] | None = None


class Opened(msgspec.Struct, frozen=True):
    id: Raw = NO_ID
    request: System = System()
    params: Raw = NOTHING


def opened(request: Request) -> Opened:
    """Raises InvalidInput where the body is no envelope."""
    return _opened(request.body, form=_is_form(request))


@lru_cache(maxsize=1)  # one request asks several times
def _opened(raw: bytes, *, form: bool) -> Opened:
    if len(raw) > validation.MOST_BYTES:
        raise InvalidInput("", f"the body is larger than {validation.MOST_BYTES} bytes")
    found: Opened = validation.body(_of_form(raw) if form else raw, Opened)
    return found


def params(request: Request, kind: type[Any]) -> Any:
    """The call's own parameters as their declared type; numbers and truth values may be texts.

    Raises InvalidInput that names the parameter.
    """
    raw = bytes(opened(request).params)
    try:
        return validation.body(raw if raw != b"null" else bytes(NOTHING), kind, lax=True)
    except InvalidInput as error:
        if error.reason.endswith("got str") and error.reason.startswith(
            ("expected object", "expected array")
        ):
            raise JsonAsText(error.field, error.reason) from None
        raise


def echo(request: Request | None) -> tuple[Raw, str | None]:
    """The id to answer, as it came, and the language, whatever else is wrong with the call."""
    if request is None:
        return Raw(b'"1509086454180"'), "en"
    try:
        found = opened(request)
    except InvalidInput:
        return _quoted(request.request_id), None
    ident = bytes(found.id)
    usable = ident[:1] in b'"-0123456789' and 2 < len(ident) + 1 <= MOST_ID and ident != bytes(NO_ID)
    return found.id if usable else _quoted(request.request_id), found.request.language


def _quoted(text: str) -> Raw:
    return Raw(msgspec.json.encode(text))


def _is_form(request: Request) -> bool:
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    return kind == FORM and request.body.lstrip()[:1] != b"{"


def form_fields(request: Request) -> dict[str, str]:
    """Those of a form body, which are signed with the query; of one given twice the first."""
    if not _is_form(request):
        return {}
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        return {}
    return dict(reversed(pairs))


def _of_form(raw: bytes) -> bytes:
    """A form's `request` and `params` are JSON texts."""
    try:
        fields = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        parts = {name: Raw(fields[name].encode()) for name in ("request", "params") if fields.get(name)}
        return msgspec.json.encode({"id": fields.get("id", ""), **parts})
    except (UnicodeDecodeError, ValueError):
        raise InvalidInput("", "the body is no valid form") from None


@cache
def request_type(operation: str, about: About, kind: Any) -> type[Any]:
    """What the whole body holds, for the OpenAPI document; `kind` is the type of `params`, None without."""
    text = Annotated[str, Meta(examples=["1509086454180"])]
    at = Annotated[str, Meta(examples=[about.version])]
    language = Annotated[str, Meta(examples=["zh-CN"], description="Chinese unless it begins otherwise")]
    tokens: dict[Who, list[Any]] = {
        Who.PERSON: [("iotToken", str)],
        Who.EITHER: [("cloudToken", str)],
        Who.ANYBODY: [("iotToken", str | None, None)],
        Who.NOBODY: [],
    }
    shown = tokens[about.who]
    system = msgspec.defstruct(
        _name(operation, "System"), [("apiVer", at), *shown, ("language", language | None, None)]
    )
    fields: list[Any] = [
        ("id", text | int),
        ("version", Annotated[str, Meta(examples=["1.0"])]),
        ("request", system),
    ]
    return msgspec.defstruct(_name(operation, "Call"), [*fields, *([("params", kind)] if kind else [])])


@cache
def answer_type(operation: str, kind: Any) -> type[Any]:
    """What the whole answer holds; `kind` is the type of `data`, or of what stands beside it."""
    fields: list[Any] = [
        ("id", str | int),
        ("code", Annotated[int, Meta(examples=[200])]),
        ("message", Annotated[str, Meta(examples=["success"])]),
        ("localizedMsg", str | None, None),
    ]
    data: list[Any] = [] if kind is type(None) else [("data", kind)]
    if isinstance(kind, type) and issubclass(kind, Beside):
        data = [(each.encode_name, each.type) for each in msgspec.structs.fields(kind)]
    return msgspec.defstruct(_name(operation, "Answer"), [*fields[:3], *data, fields[3]])


def _name(operation: str, part: str) -> str:
    return "Feiyan" + "".join(each.title() for each in operation.split("_")) + part
