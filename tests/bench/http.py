"""Requests a second of the local cloud over one keep-alive connection."""

import http.client
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from chalice import Chalice

from infra.local.clients import App
from infra.local.http import HttpServer
from infra.local.ports import listen
from tests.local_cloud import running_cloud

REQUESTS = 2_000
TABLE_REQUESTS = 200


def run() -> Iterator[str]:
    """Requests a second, without a table and with one read, against a bare route."""
    with _bare() as port:
        floor = _rate("127.0.0.1", port, "/ping", {}, REQUESTS)
    yield f"floor (a bare Chalice route on the same server): {floor:.0f}/s"
    with tempfile.TemporaryDirectory() as folder, running_cloud(Path(folder)) as cloud:
        parts = urlsplit(cloud.http)
        host, port = str(parts.hostname), int(parts.port or 80)
        unknown = _rate(host, port, "/iocm/app/nothing", {}, REQUESTS)
        yield f"a route that touches no table: {unknown / floor:.2f} of the floor ({unknown:.0f}/s)"
        app = App(cloud.http, cloud.huawei["appId"], cloud.huawei["secret"])
        app.login()
        body = {"deviceInfo": {"nodeId": "bench"}, "productId": cloud.huawei["productId"]}
        device = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body)["deviceId"]
        headers = {"app_key": app.app_id, "Authorization": f"Bearer {app.token}"}
        read = _rate(host, port, f"/iocm/app/dm/v1.4.0/devices/{device}", headers, TABLE_REQUESTS)
        yield f"get device (one read of the emulator): {read / floor:.3f} of the floor ({read:.0f}/s)"


class _bare:
    """A server with one route and nothing behind it."""

    def __enter__(self) -> int:
        app = Chalice(app_name="bare")

        @app.route("/ping")
        def ping() -> dict[str, str]:
            return {"pong": "yes"}

        listener = listen("127.0.0.1", 0)
        self._server = HttpServer(app, listener)
        self._server.start()
        return int(listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._server.stop()


def _rate(host: str, port: int, path: str, headers: dict[str, str], count: int) -> float:
    connection = http.client.HTTPConnection(host, port)
    for _ in range(count // 10):
        _get(connection, path, headers)
    start = time.perf_counter()
    for _ in range(count):
        _get(connection, path, headers)
    spent = time.perf_counter() - start
    connection.close()
    return count / spent


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    connection.request("GET", path, headers=headers)
    connection.getresponse().read()
