"""The local cloud as one object: started and stopped by `python -m infra.local` and by the tests.

The order matters: ports are claimed before anything is spawned, the environment is set before `app` is
imported, and on a stop everything that makes events ends before what handles them.
"""

import importlib
import logging
import os
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
from infra.local.mqtt import start_broker
from infra.local.ports import listen
from infra.local.provision import provision
from infra.local.runners import Runner
from infra.local.schedule_runner import ScheduleRunner
from infra.local.sources import failure_hook, runners_of
from infra.local.state import StateDirectory
from infra.local.template import DATA

log = logging.getLogger("polything.local")

RULES = ROOT / "infra" / "edge.yaml"


def load_application() -> Chalice:
    """`app.py`, imported anew: it reads the environment while it is imported."""
    sys.modules.pop("app", None)
    if settings := sys.modules.get("chalicelib.settings"):
        settings.settings.cache_clear()  # type: ignore[attr-defined]
    app: Chalice = importlib.import_module("app").app
    return app


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
        sweep_every: float = 5.0,
        workers: int = 4,
        retry_after: int = 2,
        reset: bool = False,
        load_app: Callable[[], Chalice] = load_application,
        template: Path = DATA,
        rules: Path = RULES,
    ) -> None:
        """Nothing is touched before `start()`.

        state_dir: where state is kept; None for a directory that goes with the stop.
        broker: "aws" enforces IoT Core's limits, "lenient" lifts them.
        sweep_every: seconds between runs of scheduled functions.
        workers: batches of one queue handled at a time.
        retry_after: seconds until a failed queue batch is tried again.
        """
        self._temporary = None if state_dir else tempfile.TemporaryDirectory(prefix="polything-")
        self.state = StateDirectory(state_dir or Path(self._temporary.name))  # type: ignore[union-attr]
        self.host, self.port, self.mqtt_port = host, port, mqtt_port
        self.broker_kind, self.prefix, self.reset = broker, prefix, reset
        self.sweep_every, self.workers, self.retry_after = sweep_every, workers, retry_after
        self.load_app, self.template, self.rules = load_app, template, rules
        self._environment = environment.Environment()
        self._emulator: Emulator | None = None
        self._http: HttpServer | None = None
        self._broker: Any = None
        self._data_port = self._aws_port = 0
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
        return self.host, self.mqtt_port

    def start(self) -> None:
        """Start everything and return when it answers. Raises LocalCloudError, having stopped all again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.state.open()
        if self.reset:
            self.state.reset()
        claimed = listen(self.host, self.port)
        self.port = int(claimed.getsockname()[1])
        self._start_aws()
        provisioned = provision(self.prefix, template=self.template)
        self._environment.set(
            {
                "POLYTHING_PREFIX": self.prefix,
                "POLYTHING_QUEUE_BASE": provisioned.queue_base,
                "POLYTHING_DATA_KEY": self.state.data_key(),
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )
        if "OutboxTable" in provisioned.streams:
            self._environment.set({"POLYTHING_OUTBOX_STREAM": provisioned.outbox_stream})
        self._environment.default({"POLYTHING_STAGE": "local", "POLYTHING_CALLBACK_ALLOW": environment.LOOPBACK})
        app = self.load_app()
        app.log.handlers.clear()  # Chalice's own prints tracebacks to standard output
        self._functions = Functions(app)
        self._start_broker(provisioned.queue_base)
        self._runners = runners_of(self, app, provisioned.queue_base)
        for runner in self._runners:
            runner.start()
        self._http = HttpServer(app, claimed, self._nudge)
        self._http.start()

    def _start_aws(self) -> None:
        if not has_own_endpoints(os.environ):
            self._emulator = Emulator(self.state.path, self._aws_port)
            self._emulator.start()
            self._aws_port = self._emulator.port
            self._environment.set(environment.emulated(self._emulator.endpoint))
            self._emulator.wait_ready()
        self._environment.default({"AWS_REGION": environment.REGION, "AWS_DEFAULT_REGION": environment.REGION})
