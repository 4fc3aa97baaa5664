"""The web layer by itself: routes, validation, answers and the OpenAPI document, on a toy dialect."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from chalicelib.core import errors as core
from chalicelib.web import openapi, validation
from chalicelib.web.operations import Api, Call, Fault, HeadedCall, Operation
from chalicelib.web.request import Answer, Request, from_gateway, split
from chalicelib.web.serving import MOST_ANSWER, NoSuchOperation, serve

NOT_FOUND = Fault(404, "40", "absent")
INVALID = Fault(400, "41", "invalid")


class ToyError(Struct):
    code: str
    text: str


class ThingPath(Struct, rename="camel"):
    thing_id: str


class ThingQuery(Struct, rename="camel"):
    page_no: Annotated[int, Meta(ge=0)] = 0
    deep: bool = False


class Inner(Struct, rename="camel"):
    node_id: Annotated[str, Meta(max_length=4)]


class ThingBody(Struct, rename="camel"):
    level: Annotated[int, Meta(ge=0, le=100)]
    info: Inner | None = None
    parts: list[Inner] = []


class ThingHeaders(Struct):
    level: Annotated[int, Meta(ge=0, description="how high")] = 0
    short_name: str | None = msgspec.field(default=None, name="Short-Name")


class ThingAnswer(Struct):
    said: str


def fault(kind: type[core.PolythingError], operation: Operation | None) -> Fault:
    return NOT_FOUND if issubclass(kind, core.NotFound) else INVALID


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        return Answer(405 if error.allowed else 404, str(error).encode())
    if isinstance(error, core.PolythingError):
        found = fault(type(error), operation)
        return Answer(found.status, json.dumps([found.code, str(error)]).encode())
    return Answer(500, b"internal")


def encode(answer: Any, status: int) -> Answer:
    return Answer(status, msgspec.json.encode(answer) if answer is not None else b"")


def authenticate(request: Request, operation: Operation) -> str | None:
    if operation.public:
        return None
    if request.header("Key") != "me":
        raise core.InvalidToken("nobody")
    return "me"


@pytest.fixture(scope="module")
def toy() -> Api:
    api = Api(
        "toy",
        "A toy",
        authenticate=authenticate,
        render=render,
        fault=fault,
        error_type=ToyError,
        encode=encode,
        security={"key": {"type": "apiKey", "in": "header", "name": "Key"}},
        defaults=(core.InvalidInput,),
    )

    @api.get("/things/{thingId}", source="Toy 1", raises=(core.NotFound,), also=["/old/{thingId}"])
    def show(call: Call[ThingPath, ThingQuery, None]) -> ThingAnswer:
        """Show a thing.

        At length.
        """
        if call.path.thing_id == "none":
            raise core.NotFound("none")
        if call.path.thing_id == "broken":
            raise RuntimeError("secret detail")
        if call.path.thing_id == "huge":
            return ThingAnswer('"' * (MOST_ANSWER // 2))
        return ThingAnswer(f"{call.caller} {call.path.thing_id} {call.query.page_no} {call.query.deep}")

    @api.get("/things/all", source="Toy 2")
    def everything(call: Call[None, None, None]) -> ThingAnswer:
        """Show everything."""
        return ThingAnswer("all")

    @api.post("/things", source="Toy 3", status=201, public=True, form=True)
    def make(call: Call[None, None, ThingBody]) -> ThingAnswer:
        """Make a thing."""
        return ThingAnswer(str(call.body.level))

    @api.get("/headed", source="Toy 5")
    def headed(call: HeadedCall[None, ThingQuery, None, ThingHeaders]) -> ThingAnswer:
        """Read headers."""
        return ThingAnswer(f"{call.headers.level} {call.headers.short_name} {call.query.page_no}")

    api.webhook("made", ThingBody, source="Toy 4", summary="A thing was made")
    return api


def ask(api: Api, method: str, path: str, body: bytes = b"", **more: Any) -> Answer:
    asked = {"headers": {"key": "me"}, "query": {}, **more}
    return serve(api, Request(method, path, split(path), asked["query"], asked["headers"], body, "::1", "r"))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, b"0 None 7"),
        ({"level": "5", "short-name": "x"}, b"5 x 7"),
        ({"x-amzn-remapped-level": "5"}, b"5 None 7"),
        ({"level": "", "short-name": ""}, b"0 None 7"),
        ({"level": "-1"}, b"level expected int >= 0"),
        ({"level": "high"}, b"level expected int"),
    ],
)
def test_declared_headers_are_validated(toy: Api, headers: dict[str, str], said: bytes) -> None:
    answer = ask(toy, "GET", "/headed", headers={"key": "me", **headers}, query={"pageNo": ["7"]})
    assert said in answer.body


def test_declared_headers_stand_in_the_document(toy: Api) -> None:
    shown = {
        each["name"]: each for each in openapi.document([toy], "1")["paths"]["/headed"]["get"]["parameters"]
    }
    assert shown.keys() == {"pageNo", "deep", "level", "Short-Name"}
    assert (shown["level"]["in"], shown["level"]["required"]) == ("header", False)
    assert shown["level"]["description"] == "how high"
    assert shown["pageNo"]["in"] == "query"


def test_a_literal_segment_comes_before_a_variable(toy: Api) -> None:
    assert b"all" in ask(toy, "GET", "/things/all").body
    assert b"me a b 0 False" in ask(toy, "GET", "/things/a%20b").body


def test_a_trailing_slash_and_an_older_path_reach_the_same_code(toy: Api) -> None:
    assert ask(toy, "GET", "/old/x/").body == ask(toy, "GET", "/things/x").body


def test_an_unknown_path_and_a_wrong_verb_are_told_apart(toy: Api) -> None:
    assert ask(toy, "GET", "/nothing").status == 404
    assert ask(toy, "GET", "/things/").status == 405
    assert ask(toy, "DELETE", "/things/x").body == b"allowed: GET"


def test_core_errors_take_their_fault_and_a_defect_shows_no_detail(toy: Api) -> None:
    assert ask(toy, "GET", "/things/none").status == 404
    answer = ask(toy, "GET", "/things/broken")
    assert (answer.status, answer.body) == (500, b"internal")


def test_an_answer_that_lambda_could_not_carry_is_refused(toy: Api) -> None:
    assert b"smaller page" in ask(toy, "GET", "/things/huge").body


def test_nothing_is_validated_before_the_caller_is_known(toy: Api) -> None:
    answer = ask(toy, "GET", "/things/x", headers={}, query={"pageNo": ["x"]})
    assert b"nobody" in answer.body


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"{}", "level", "is missing"),
        (b'{"level": "5"}', "level", "expected int"),
        (b'{"level": true}', "level", "expected int"),
        (b'{"level": 101}', "level", "<= 100"),
        (b'{"level": 1, "info": {"nodeId": "12345"}}', "info.nodeId", "length <= 4"),
        (b'{"level": 1, "parts": [{"nodeId": "1"}, {}]}', "parts[1].nodeId", "is missing"),
        (b'{"level": 1', "", "no valid JSON"),
        (b"[1]", "", "expected object"),
        (b'{"level": 1, "info": {"nodeId": "\xff"}}', "", "no valid JSON"),
    ],
)
def test_a_bad_body_names_field_and_reason(body: bytes, field: str, reason: str) -> None:
    with pytest.raises(core.InvalidInput) as caught:
        validation.body(body, ThingBody)
    assert caught.value.field == field
    assert reason.lower() in caught.value.reason.lower()


def test_a_form_is_read_where_it_is_allowed_whatever_the_content_type(toy: Api) -> None:
    assert ask(toy, "POST", "/things", b"level=7").body == b'{"said":"7"}'
    assert ask(toy, "POST", "/things", b' {"level": 7}').body == b'{"said":"7"}'


def test_size_and_depth_are_bounded(toy: Api) -> None:
    fits = b'{"level": 1, "x": "' + b"a" * (1024 * 1024) + b'"}'
    assert ask(toy, "POST", "/things", fits).status == 201
    large = b'{"level": 1, "x": "' + b"a" * validation.MOST_BYTES + b'"}'
    assert ask(toy, "POST", "/things", large).status == 400
    deepest = b'{"level": 1, "x": ' + b"[" * 31 + b"]" * 31 + b"}"
    assert ask(toy, "POST", "/things", deepest).status == 201
    too_deep = b'{"level": 1, "x": ' + b"[" * 32 + b"]" * 32 + b"}"
    assert ask(toy, "POST", "/things", too_deep).status == 400


nested = st.recursive(
    st.none() | st.text(alphabet='{}[]"\\ a', max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(nested, st.integers(0, 6))
def test_depth_is_counted_as_a_parser_would(value: Any, limit: int) -> None:
    assert validation.deeper(json.dumps(value).encode(), limit) == (depth(value) > limit)


def test_queries_are_read_leniently_and_empty_ones_count_as_absent() -> None:
    read = validation.query({"pageNo": ["5", "6"], "deep": ["true"], "other": ["x"]}, ThingQuery)
    assert (read.page_no, read.deep) == (5, True)
    assert validation.query({"pageNo": [""]}, ThingQuery).page_no == 0


def test_a_declaration_made_twice_is_a_defect(toy: Api) -> None:
    with pytest.raises(ValueError, match="declared twice"):

        @toy.get("/things/{other}", source="Toy 9")
        def again(call: Call[None, None, None]) -> ThingAnswer:
            """Never."""
            return ThingAnswer("")


def test_the_document_comes_from_the_declarations(toy: Api) -> None:
    document = openapi.document([toy], "1")
    show = document["paths"]["/things/{thingId}"]["get"]
    assert show["summary"] == "Show a thing."
    assert show["description"] == "At length.\n\nSource: Toy 1."
    assert [(p["name"], p["in"], p["required"]) for p in show["parameters"]] == [
        ("thingId", "path", True),
        ("pageNo", "query", False),
        ("deep", "query", False),
    ]
    assert show["parameters"][1]["schema"]["minimum"] == 0
    assert show["responses"]["404"]["description"] == "40 absent"
    assert document["paths"]["/old/{thingId}"]["get"]["deprecated"] is True
    assert document["paths"]["/things"]["post"]["security"] == []
    assert "toy.made" in document["webhooks"]
    level = document["components"]["schemas"]["ThingBody"]["properties"]["level"]
    assert (level["minimum"], level["maximum"]) == (0, 100)


def test_a_gateway_event_becomes_a_request() -> None:
    event = {
        "path": "/a%2Fb/c",
        "headers": {"X-Amzn-Remapped-Authorization": "Bearer x", "App_Key": "k"},
        "multiValueQueryStringParameters": {"q": ["1", "2"]},
        "requestContext": {
            "httpMethod": "GET",
            "path": "/stage/a%2Fb/c",
            "identity": {"sourceIp": "1.2.3.4"},
            "requestId": "r",
        },
    }
    request = from_gateway(event, b"x")
    assert request.segments == ("a/b", "c")
    assert request.header("Authorization") == "Bearer x"
    assert request.header("app_key") == "k"
    assert request.source_ip == "1.2.3.4"
