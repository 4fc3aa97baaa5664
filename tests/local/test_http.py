"""The app over real sockets: framing, events as API Gateway builds them, and no stack trace anywhere."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalice.app import Chalice, Response

from infra.local.bodies import LARGEST_BODY
from infra.local.http import HttpServer
from infra.local.ports import listen

VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]


def toy() -> Chalice:
    """Answers with the event it got; /empty, /fail, /binary and /meet have answers of their own."""
    app = Chalice(app_name="toy")
    meeting = threading.Barrier(8)

    def echo() -> Response:
        event = app.current_request.to_original_event()
        return Response({key: value for key, value in event.items() if key != "stageVariables"})

    app.route("/", methods=VERBS, content_types=[], name="root")(echo)
    app.route("/{proxy+}", methods=VERBS, content_types=[], name="proxy")(echo)

    @app.route("/empty", methods=["DELETE"], content_types=[])
    def empty() -> Response:
        return Response("", status_code=204)

    @app.route("/fail")
    def fail() -> None:
        raise RuntimeError("secret detail")

    @app.route("/binary")
    def binary() -> Response:
        return Response(b"\x00\xff", headers={"Content-Type": "application/octet-stream"})

    @app.route("/meet/{name}")
    def meet(name: str) -> dict[str, Any]:
        meeting.wait(10)  # all are in a view at once, and each still has its own request
        return {"name": name, "path": app.current_request.context["path"]}

    return app


@pytest.fixture(scope="module")
def changes() -> list[int]:
    return []


@pytest.fixture(scope="module")
def server(changes: list[int]) -> Iterator[HttpServer]:
    server = HttpServer(toy(), listen("127.0.0.1", 0), lambda: changes.append(1))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, Any]:
    connection.request(method, path, **more)
    response = connection.getresponse()
    body = response.read()
    return response.status, json.loads(body) if body else None


def raw(server: HttpServer, request: bytes) -> bytes:
    """Everything the server sends until it closes."""
    with socket.create_connection((server.host, server.port), timeout=10) as peer:
        peer.sendall(request)
        parts = []
        while part := peer.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_the_event_has_what_api_gateway_gives(connection: http.client.HTTPConnection) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "unit", "X-Twice": "a"}
    status, event = ask(
        connection, "POST", "/a%2Fb/c%20d/?x=1&x=2&y=&z=%E4%BD%A0", body='{"a": 1}', headers=headers
    )
    assert status == 200
    assert event["pathParameters"] == {"proxy": "a%2Fb/c%20d"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""], "z": ["你"]}
    assert (event["httpMethod"], event["path"], event["resource"]) == ("POST", "/a%2Fb/c%20d/", "/{proxy+}")
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    context = event["requestContext"]
    assert context["path"] == "/a%2Fb/c%20d/"
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "unit"}
    assert context["requestId"]
    assert event["headers"]["x-twice"] == "a"


def test_the_peers_address_is_the_source(server: HttpServer) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, source_address=("127.0.0.2", 0))
    assert ask(connection, "GET", "/")[1]["requestContext"]["identity"]["sourceIp"] == "127.0.0.2"
    connection.close()


def test_no_query_and_no_body_are_null(connection: http.client.HTTPConnection) -> None:
    _, event = ask(connection, "GET", "/x")
    assert event["multiValueQueryStringParameters"] is None
    assert event["body"] is None


def test_binary_bodies_are_base64_and_broken_text_is_mended(connection: http.client.HTTPConnection) -> None:
    binary = {"Content-Type": "application/octet-stream"}
    _, event = ask(connection, "POST", "/x", body=b"\x00\xff", headers=binary)
    assert (event["body"], event["isBase64Encoded"]) == ("AP8=", True)
    _, event = ask(connection, "POST", "/x", body=b"a\xff", headers={"Content-Type": "text/plain"})
    assert (event["body"], event["isBase64Encoded"]) == ("a\ufffd", False)


def test_binary_answers(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/binary", headers={"Accept": "application/octet-stream"})
    response = connection.getresponse()
    assert (response.read(), response.getheader("Content-Type")) == (b"\x00\xff", "application/octet-stream")


def test_one_connection_serves_many_requests(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    first = connection.sock
    for number in range(20):
        assert ask(connection, "POST", f"/{number}", body="x" * number)[0] == 200
    assert connection.sock is first


def test_pipelined_requests_are_answered_in_order(server: HttpServer) -> None:
    two = b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(server, two)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b'"/one"') < answer.index(b'"/two"')


def test_head_has_the_length_and_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/x")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert int(response.getheader("Content-Length", "0")) > 0
    assert ask(connection, "GET", "/x")[0] == 200  # the connection is still in step


def test_options_reaches_the_app(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "OPTIONS", "/x")[1]["httpMethod"] == "OPTIONS"


def test_204_has_neither_body_nor_length(connection: http.client.HTTPConnection) -> None:
    connection.request("DELETE", "/empty")
    response = connection.getresponse()
    assert (response.status, response.read()) == (204, b"")
    assert response.getheader("Content-Length") is None
    assert response.getheader("Content-Type") is None


def test_chunked_bodies_are_put_together(server: HttpServer, connection: http.client.HTTPConnection) -> None:
    _, event = ask(connection, "POST", "/x", body=iter([b"abc", b"de"]), encode_chunked=True)
    assert event["body"] == "abcde"
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    whole = head + b"3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
    assert b'"body":"abc"' in raw(server, whole)
    assert b" 400 " in raw(server, head + b"zz\r\nabc\r\n").partition(b"\r\n")[0]
    assert b" 413 " in raw(server, head + b"%x\r\n" % (LARGEST_BODY + 1)).partition(b"\r\n")[0]


def test_a_body_above_10_mb_is_refused_unread(connection: http.client.HTTPConnection) -> None:
    status, answer = ask(connection, "POST", "/x", body=b"x" * (LARGEST_BODY + 1))
    assert (status, answer) == (413, {"message": "Request Too Long"})


def test_a_body_of_10_mb_is_taken(connection: http.client.HTTPConnection) -> None:
    status, event = ask(connection, "POST", "/x", body=b"x" * LARGEST_BODY)
    assert (status, len(event["body"])) == (200, LARGEST_BODY)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Content-Length: -1\r\n", b"400"),
        (b"Content-Length: ten\r\n", b"400"),
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"400"),
        (b"Transfer-Encoding: gzip\r\n", b"411"),
        (b"Content-Length: 99999999999\r\n", b"413"),
        (b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n", b"413"),
    ],
)
def test_unusable_framing_is_refused_and_the_connection_ends(
    server: HttpServer, headers: bytes, status: bytes
) -> None:
    answer = raw(server, b"POST /x HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1
    json.loads(answer.partition(b"\r\n\r\n")[2])


def test_expect_continue(server: HttpServer) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((server.host, server.port), timeout=10) as peer:
        peer.sendall(head)
        assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"hi")
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_text",
    [b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_request_gets_json_too(server: HttpServer, request_text: bytes) -> None:
    body = raw(server, request_text).partition(b"\r\n\r\n")[2]
    assert "message" in json.loads(body)


def test_an_unknown_method_is_answered_as_api_gateway_does(server: HttpServer) -> None:
    answer = raw(server, b"BREW /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"message": "Missing Authentication Token"}


def test_no_stack_trace_in_an_answer(
    server: HttpServer, connection: http.client.HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger("toy").handlers.clear()
    connection.request("GET", "/fail")
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 500
    assert "secret detail" not in text
    assert "Traceback" not in text

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.gateway.event_converter, "create_lambda_event", broken)
    assert ask(connection, "GET", "/x") == (502, {"message": "Internal server error"})


def test_concurrent_requests_do_not_see_each_other(server: HttpServer) -> None:
    def one(number: int) -> Any:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        try:
            return ask(connection, "GET", f"/meet/{number}")[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert answers == [{"name": str(number), "path": f"/meet/{number}"} for number in range(8)]


def test_only_successful_writes_are_told(connection: http.client.HTTPConnection, changes: list[int]) -> None:
    changes.clear()
    ask(connection, "GET", "/x")
    ask(connection, "POST", "/fail")
    assert changes == []
    ask(connection, "POST", "/x")
    ask(connection, "GET", "/x")  # the telling follows the answer: one more round trip
    assert changes == [1]


def test_a_stop_ends_idle_connections() -> None:
    server = HttpServer(toy(), listen("127.0.0.1", 0))
    server.start()
    with socket.create_connection((server.host, server.port), timeout=10) as idle:
        idle.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        server.stop()
        assert idle.recv(10) == b""
