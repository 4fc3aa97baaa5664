"""The Chalice app over HTTP/1.1, on Chalice's own request handler and threaded server."""

import http
import json
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from chalice.app import Chalice
from chalice.local import ChaliceRequestHandler, LocalGatewayException, ThreadedHTTPServer

from infra.local.bodies import BodyError, declared_length, drain, read_body
from infra.local.gateway import Gateway, origin_form
from infra.local.ports import BACKLOG, reachable

log = logging.getLogger(__name__)

_BODILESS = {http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED}
_READING = {"GET", "HEAD", "OPTIONS"}


class Handler(ChaliceRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet an answer, flushed by the base class after each request
    timeout = 300  # an idle or stuck connection
    server: "HttpServer"

    def __init__(self, request: socket.socket, client_address: tuple[str, int], server: "HttpServer") -> None:
        self.local_gateway = server.gateway.of_client(client_address[0])
        # past ChaliceRequestHandler, which would build routes and gateway again for each connection
        super(ChaliceRequestHandler, self).__init__(request, client_address, server)

    def handle_expect_100(self) -> bool:
        try:
            declared_length(self.headers)
        except BodyError as error:
            self._refuse(error)
            return False
        self.send_response_only(http.HTTPStatus.CONTINUE)
        self.end_headers()
        self.wfile.flush()  # the client waits for it
        return True

    def _generic_handle(self) -> None:
        try:
            body = read_body(self.rfile, self.headers)
        except BodyError as error:
            self._refuse(error)
            return
        code, headers, answer = self._respond(body)
        self._send(code, headers, answer)
        if self.command not in _READING and code < http.HTTPStatus.BAD_REQUEST:
            self.server.changed()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815

    def _respond(self, body: bytes | None) -> tuple[int, dict[str, Any], bytes]:
        try:
            response = self.local_gateway.handle_request(
                method=self.command, path=origin_form(self.path), headers=dict(self.headers), body=body
            )
            headers = {**response["headers"], **response["multiValueHeaders"]}
            content = self._handle_binary(response)["body"] or b""
        except LocalGatewayException as error:
            return error.CODE, dict(error.headers), error.body or b""
        except Exception:
            # API Gateway's answer to a function that fails; the cause belongs in the log alone
            log.exception("%s %s failed", self.command, self.path.partition("?")[0])
            return http.HTTPStatus.BAD_GATEWAY, {}, b'{"message": "Internal server error"}'
        return response["statusCode"], headers, content if isinstance(content, bytes) else content.encode()

    def _send(self, code: int, headers: dict[str, Any], body: bytes) -> None:
        self.send_response(code)
        if code not in _BODILESS:
            if not any(name.lower() == "content-type" for name in headers):
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self._send_headers({k: v for k, v in headers.items() if k.lower() != "content-length"})
        if self.command != "HEAD" and code not in _BODILESS:
            self.wfile.write(body)

    def _refuse(self, error: BodyError) -> None:
        """Answer without having read the body, so the connection ends."""
        self.close_connection = True
        self._send(error.status, {"Connection": "close"}, _message(str(error)))
        self.wfile.flush()
        drain(self.connection)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server cannot parse or dispatch, answered in API Gateway's shape."""
        self.close_connection = True
        self.request_version = self.protocol_version  # what did not parse must not pass for HTTP/0.9
        if code == http.HTTPStatus.NOT_IMPLEMENTED:
            code, message = http.HTTPStatus.FORBIDDEN, "Missing Authentication Token"
        self._send(code, {"Connection": "close"}, _message(message or http.HTTPStatus(code).phrase))

    def version_string(self) -> str:
        return "Polything"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s %s", self.client_address[0], format % args)


def _message(text: str) -> bytes:
    return json.dumps({"message": text}).encode()


class HttpServer(ThreadedHTTPServer):
    request_queue_size = BACKLOG

    def __init__(
        self, app: Chalice, listener: socket.socket, changed: Callable[[], None] = lambda: None
    ) -> None:
        """Serve on `listener`, which becomes ours; `changed` is called after each successful write."""
        self.gateway = Gateway(app)
        self.changed = changed
        self._open: set[socket.socket] = set()
        self._thread: threading.Thread | None = None
        self.host, self.port = listener.getsockname()[:2]
        # not HTTPServer's own binding: it would look the host's name up in DNS
        super(ThreadedHTTPServer, self).__init__((self.host, self.port), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket: socket.socket = listener
        self.server_name, self.server_port = self.host, self.port

    @property
    def url(self) -> str:
        host = reachable(self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections; let requests under way end, then their connections."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError as error:
                log.debug("a connection had ended already: %s", error)

    def process_request(self, request: socket.socket, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Called in an `except` block, for what ended a connection."""
        log.debug("a connection of %s ended early", client_address, exc_info=True)
