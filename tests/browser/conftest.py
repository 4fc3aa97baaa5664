"""A headless Chromium, installed from Debian's packages where there is none, and the app behind a stage."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.gateway import Gateway

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium-headless-shell", "fonts-noto-core")
INSTALL_WITHIN = 300  # s
SHOW_WITHIN = 300  # s; the document of all systems is large, and CI machines are small
STAGE = "/api"
SIZE = (1280, 4000)


@dataclass
class Browser:
    """`complaints` are what its console said of the last page."""

    program: str
    complaints: list[str] = field(default_factory=list)

    def dom(self, url: str) -> str:
        """The page once its scripts have run, as HTML."""
        return self._show(url, "--dump-dom")

    def screenshot(self, url: str, to: Path) -> bytes:
        self._show(url, f"--screenshot={to}")
        return to.read_bytes()

    def _show(self, url: str, how: str) -> str:
        done = subprocess.run(
            [
                self.program,
                "--headless",
                "--no-sandbox",  # tests may run as root, and load this machine's page only
                "--disable-gpu",
                "--enable-logging=stderr",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                "--virtual-time-budget=20000",
                how,
                url,
            ],
            capture_output=True,
            text=True,
            timeout=SHOW_WITHIN,
            check=True,
        )
        self.complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout


@pytest.fixture(scope="session")
def browser() -> Browser:
    program = _found() or _installed()
    if program is None:
        pytest.skip(
            f"no Chromium here, and none could be installed: {' '.join(PACKAGES)} of Debian needs root"
        )
    return Browser(program)


def _found() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


def _installed() -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES],
    ):
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, timeout=INSTALL_WITHIN, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            return None
    return _found()


@dataclass
class Site:
    """`url` has the stage in its path; `asked` are the paths that were asked for."""

    url: str
    asked: list[str]


@pytest.fixture
def site() -> Iterator[Site]:
    """The app as API Gateway's own URL shows it: below a stage, which its functions do not see."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            reply = Gateway().get(self.path.removeprefix(STAGE))
            body = reply.body.encode()
            self.send_response(reply.status if self.path.startswith(STAGE) else 403)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_address[1]}{STAGE}", asked)
    server.shutdown()
    server.server_close()
    thread.join(10)
