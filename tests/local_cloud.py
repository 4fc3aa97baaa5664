"""The local cloud for tests: a fixture, and the program it runs in a process of its own.

A process of its own, because the app reads its environment once and keeps clients, models and caches:
a worker whose unit tests use moto would otherwise meet them. Use it with

    from tests.local_cloud import cloud  # noqa: F401
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import rights

ROOT = Path(__file__).resolve().parents[1]
SWEEP_SECONDS = 0.5  # what is overdue ends while a test waits, not a minute later
RETRY_SECONDS = 1
STOP_SECONDS = 30
RIGHTS = "rights.txt"  # which AWS calls the functions made


class CloudProcess:
    """A local cloud in a child process. All ports are the system's choice and stay over `restart()`."""

    def __init__(self, state: Path, broker: str = "aws") -> None:
        self.state = state
        self.broker = broker
        self.demo: dict[str, Any] = {}
        self._ports = ("0", "0")
        self._process: subprocess.Popen[str] | None = None

    @property
    def http(self) -> str:
        """The URL of the APIs, without a trailing slash."""
        return str(self.demo["http"])

    @property
    def mqtt(self) -> tuple[str, int]:
        """Host and port of the MQTT broker."""
        return str(self.demo["mqtt"]["host"]), int(self.demo["mqtt"]["port"])

    @property
    def huawei(self) -> dict[str, str]:
        """appId, secret and productId of the demo tenant."""
        found: dict[str, str] = self.demo["huawei"]
        return found

    @property
    def log(self) -> str:
        """Everything logged so far, the functions' output included."""
        return (self.state / "polything.log").read_text(encoding="utf-8")

    def start(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "stderr.log").open("a", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.local_cloud", str(self.state), self.broker, *self._ports],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.demo = self._read()
        self._ports = (self.http.rpartition(":")[2], str(self.mqtt[1]))

    def stop(self) -> None:
        """A clean stop: state is kept."""
        if self._process is None:
            return
        with self._process as process:
            self._process = None
            assert process.stdin is not None
            process.stdin.close()
            process.wait(STOP_SECONDS)
        with contextlib.suppress(FileNotFoundError):
            rights.add((self.state / RIGHTS).read_text(encoding="utf-8").splitlines())

    def kill(self) -> None:
        """End it as a crash would; the emulator, a process of its own, still saves what it has."""
        assert self._process is not None
        with self._process as process:
            self._process = None
            process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def wait_idle(self, timeout: float = 30.0, delayed: bool = False) -> None:
        """Until nothing waits or runs; `delayed` queue messages count if asked. Raises TimeoutError."""
        self._ask("wait_idle", timeout, delayed)

    def sweep(self) -> bool:
        """Run the scheduled functions now; whether all succeeded."""
        return bool(self._ask("sweep"))

    def _ask(self, what: str, *arguments: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if "late" in answer:
            raise TimeoutError(answer["late"])
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            errors = (self.state / "stderr.log").read_text(encoding="utf-8")
            raise AssertionError(f"the local cloud ended: {errors[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def running_cloud(state: Path, broker: str = "aws") -> Iterator[CloudProcess]:
    """A cloud of the caller's own, stopped at the end."""
    process = CloudProcess(state, broker)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    """One local cloud for all tests of a worker; they share its demo tenant, not their devices."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as process:
        yield process


def main(state: Path, broker: str, port: int, mqtt_port: int) -> None:
    """Serve questions from standard input until it ends."""
    from infra.local import logs
    from infra.local.cloud import LocalCloud
    from infra.local.seed import seed
    from infra.local.sources import Pace

    pace = Pace(sweep_every=SWEEP_SECONDS, retry_after=RETRY_SECONDS)
    rights.record()
    local = LocalCloud(state, port=port, mqtt_port=mqtt_port, broker=broker, pace=pace)
    terminal = logs.set_up(state / "polything.log")
    local.start()
    try:
        print(json.dumps(seed(local)), file=terminal, flush=True)
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            try:
                answer = {"result": getattr(local, what)(*arguments)}
            except TimeoutError as error:
                answer = {"late": str(error)}
            print(json.dumps(answer), file=terminal, flush=True)
    finally:
        local.stop()
        (state / RIGHTS).write_text("\n".join(rights.lines(rights.made)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
