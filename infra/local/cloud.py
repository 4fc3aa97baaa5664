"""The local cloud as one object: started and stopped by `python -m infra.local` and by the tests.

The order matters: ports are claimed before anything is spawned, the environment is set before `app` is
imported, and on a stop everything that makes events ends before what handles them.
"""

import importlib
import logging
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalice.app import Chalice

from infra.local import environment
from infra.local.aws import ROOT, Emulator, has_own_endpoints
from infra.local.errors import EmulatorFailed
from infra.local.functions import Functions
from infra.local.http import HttpServer
from infra.local.ports import listen, reachable
from infra.local.provision import Provisioned, provision
from infra.local.runners import Runner
from infra.local.schedule_runner import ScheduleRunner
from infra.local.sources import Pace, runners_of
from infra.local.state import StateDirectory
from infra.local.template import DATA

log = logging.getLogger(__name__)

RULES = ROOT / "infra" / "edge.yaml"
FAILURES = "ingest-failures"  # queue of device messages whose function failed for good


def load_application() -> Chalice:
    """`app.py`, imported anew: it reads the environment while it is imported."""
    sys.modules.pop("app", None)
    _settings_again()
    app: Chalice = importlib.import_module("app").app
    return app


def _settings_again() -> None:
    """The environment has changed."""
    if module := sys.modules.get("chalicelib.settings"):
        module.settings.cache_clear()


class LocalCloud:
    """One local cloud. Ports given as 0 are chosen by the system and kept for a second `start()`."""

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        mqtt_port: int = 0,
        broker: str = "aws",
        prefix: str = "polything-local",
        pace: Pace = Pace(),  # noqa: B008 -- frozen
        reset: bool = False,
        load_app: Callable[[], Chalice] = load_application,
        template: Path = DATA,
        rules: Path = RULES,
    ) -> None:
        """Nothing is touched before `start()`.

        state_dir: where state is kept; None for a directory that is removed by `stop()`.
        broker: "aws" enforces IoT Core's limits, "lenient" lifts them.
        reset: forget the kept state at the first start.
        """
        self._passing = state_dir is None
        self.state = StateDirectory(state_dir or _passing_directory())
        self.host, self.port, self.mqtt_port = host, port, mqtt_port
        self.broker_kind, self.prefix, self.pace, self.reset = broker, prefix, pace, reset
        self.load_app, self.template, self.rules = load_app, template, rules
        self._environment = environment.Environment()
        self._emulator: Emulator | None = None
        self._aws_port = 0
        self._listener: socket.socket | None = None
        self._http: HttpServer | None = None
        self._broker: Any = None
        self._runners: list[Runner] = []
        self._functions: Functions | None = None
        self._invoked = 0

    @property
    def http(self) -> str:
        """The URL of the APIs, without a trailing slash."""
        return self._http.url if self._http else ""

    @property
    def mqtt(self) -> tuple[str, int]:
        """Host and port of the MQTT broker."""
        return reachable(self.host), self.mqtt_port

    def start(self) -> None:
        """Start everything; it answers on return. Raises LocalCloudError, having stopped what had started."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.state.open()
        if self.reset:
            self.state.reset()
            self.reset = False
        self._listener = listen(self.host, self.port)
        self.port = int(self._listener.getsockname()[1])
        self._start_aws()
        provisioned = provision(self.prefix, template=self.template)
        self._describe(provisioned)
        app = self.load_app()
        app.log.handlers.clear()  # Chalice's own prints tracebacks to standard output
        self._functions = Functions(app)
        self._start_broker(provisioned)
        self._runners = runners_of(app, provisioned.queue_base, self.state.checkpoints, self.pace)
        for runner in self._runners:
            runner.start()
        self._http = HttpServer(app, self._listener, self._nudge)
        self._http.start()

    def _start_aws(self) -> None:
        self._environment.set(environment.unproxied(os.environ))
        if has_own_endpoints(os.environ):
            self._environment.default(environment.own(os.environ))
            return
        self._emulator = Emulator(self.state.path, self._aws_port, held=[self.state.lock])
        self._emulator.start()
        self._aws_port = self._emulator.port
        self._environment.unset(environment.MISLEADING)
        self._environment.set(environment.emulated(self._emulator.endpoint))
        self._emulator.wait_ready()

    def _describe(self, provisioned: Provisioned) -> None:
        """Tell the app, through the environment, what there is."""
        self._environment.set(
            {
                "POLYTHING_PREFIX": self.prefix,
                "POLYTHING_QUEUE_BASE": provisioned.queue_base,
                "POLYTHING_PACKAGES": provisioned.packages,
                "POLYTHING_DATA_KEY": self.state.data_key(),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )
        if "OutboxTable" in provisioned.streams:
            self._environment.set({"POLYTHING_OUTBOX_STREAM": provisioned.outbox_stream})
        self._environment.default(
            {
                "POLYTHING_STAGE": "local",
                "POLYTHING_ACCOUNT": provisioned.account,
                "POLYTHING_CALLBACK_ALLOW": environment.LOOPBACK,
                "POLYTHING_CODE_SENDER": "log",
                "POLYTHING_DEEP_TOPICS": "yes" if self.broker_kind == "lenient" else "no",
            }
        )

    def _start_broker(self, provisioned: Provisioned) -> None:
        from infra.local.mqtt import failure_hook, rules_of, start_broker

        on_failure = failure_hook(f"{provisioned.queue_base}/{self.prefix}-{FAILURES}")
        self._broker = start_broker(
            self.broker_kind, self.invoke, rules_of(self.rules), on_failure, self.host, self.mqtt_port
        )
        self.mqtt_port = self._broker.mqtt_port
        endpoint = f"http://127.0.0.1:{self._broker.data_port}"
        self._environment.set({"AWS_ENDPOINT_URL_IOT_DATA_PLANE": endpoint})
        host, port = self.mqtt
        self._environment.default({"POLYTHING_MQTT_ENDPOINT": f"tcp://{host}:{port}"})
        _settings_again()

    def stop(self) -> None:
        """Stop everything, keeping state. Harmless twice, and after a start that failed half-way."""
        steps: list[Callable[[], object]] = [
            *([self._http.stop] if self._http else []),
            *([self._broker.stop] if self._broker else []),
            *(runner.end for runner in self._runners),
            *(runner.stop for runner in self._runners),
            *([self._emulator.stop] if self._emulator else []),
            *([self._listener.close] if self._listener else []),
            self._environment.restore,
            self.state.close,
            *([self.state.remove] if self._passing else []),
        ]
        self._http = self._broker = self._emulator = self._listener = None
        self._runners = []
        _all_of(steps)

    def check(self) -> None:
        """Raises EmulatorFailed where the emulator ended by itself."""
        if self._emulator is not None and not self._emulator.alive:
            raise EmulatorFailed(f"ministack ended unexpectedly: see {self._emulator.log}")

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """Run a `@app.lambda_function` as its trigger would; what it raises rises."""
        assert self._functions is not None  # noqa: S101 -- set before anything can call
        try:
            return self._functions.invoke(name, event)
        finally:
            self._invoked += 1
            self._nudge()

    def sweep(self) -> bool:
        """Run every scheduled function now; whether all succeeded."""
        schedules = [runner for runner in self._runners if isinstance(runner, ScheduleRunner)]
        succeeded = [schedule.run_now() for schedule in schedules]
        return all(succeeded)

    def wait_idle(self, timeout: float = 30.0, delayed: bool = False) -> None:
        """Wait until no message, record or invocation is waiting or running. Raises TimeoutError.

        `delayed`: wait also for queue messages whose time has not come.
        """
        deadline = time.monotonic() + timeout
        while True:
            before = self._handled()
            busy = [runner.name for runner in self._runners if not runner.idle(delayed)]
            if not self._broker.idle():
                busy.append("broker")
            if not busy and self._handled() == before:
                return
            if time.monotonic() > deadline:
                what = ", ".join(busy) or "new events keep coming"
                raise TimeoutError(f"still busy after {timeout:g} s: {what}")
            time.sleep(0.02)

    def _handled(self) -> int:
        return self._invoked + sum(runner.handled for runner in self._runners)

    def _nudge(self) -> None:
        for runner in self._runners:
            runner.nudge()


def _passing_directory() -> Path:
    return Path(tempfile.gettempdir()) / f"polything-{secrets.token_hex(8)}"


def _all_of(steps: list[Callable[[], object]]) -> None:
    """Run every step, also after one failed; then raise the first failure."""
    failures: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as error:
            log.exception("stopping: %s failed", step)
            failures.append(error)
    if failures:
        raise failures[0]
