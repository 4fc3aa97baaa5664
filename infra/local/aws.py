"""AWS on this machine: ministack as a child process, or the endpoints that the environment names."""

import http.client
import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.environment import CREDENTIALS
from infra.local.errors import DependencyMissing, EmulatorFailed, EndpointsIncomplete
from infra.local.ports import listen

ROOT = Path(__file__).resolve().parents[2]
SERVICES = "dynamodb,dynamodbstreams,sqs,s3,kms,sts"
ENDPOINTS = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS")
READY_SECONDS = 30
STOP_SECONDS = 20


def has_own_endpoints(env: Mapping[str, str]) -> bool:
    """Whether the operator already named where DynamoDB and SQS are, so that no child is needed.

    Raises EndpointsIncomplete where only one is named: the other half would be somewhere else.

    >>> has_own_endpoints({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    True
    """
    if env.get("AWS_ENDPOINT_URL"):
        return True
    named = [name for name in ENDPOINTS if env.get(name)]
    if len(named) == 1:
        missing = next(name for name in ENDPOINTS if name not in named)
        raise EndpointsIncomplete(f"{named[0]} is set and {missing} is not: set both or neither")
    return bool(named)


class Emulator:
    """ministack as a child that ends with this process and keeps its state in `directory`."""

    PROGRAM = "infra.local.emulator"

    def __init__(self, directory: Path, port: int = 0, held: Sequence[int] = ()) -> None:
        """`held` are descriptors that stay open until the child has ended: the lock on `directory`."""
        self.directory = directory
        self.held = held
        self.log = directory / "aws.log"
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the child and return at once: requests wait in the socket's queue until it answers."""
        if importlib.util.find_spec("ministack") is None:
            raise DependencyMissing("ministack is not installed: run `make install` (it builds .venv)")
        with listen("127.0.0.1", self.port) as server, self.log.open("ab") as log:
            self.port = int(server.getsockname()[1])
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.PROGRAM, str(server.fileno())],
                cwd=ROOT,
                # it checks signed URLs by its own credentials
                env={**os.environ, **CREDENTIALS, "AWS_SESSION_TOKEN": "", **self._settings()},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[server.fileno(), *self.held],
                start_new_session=True,  # a Ctrl-C is ours to handle: the runners drain before AWS goes
            )

    def _settings(self) -> dict[str, str]:
        return {
            "GATEWAY_PORT": "4566",  # part of the names of kept queues, so it must not follow the real port
            "BIND_HOST": "127.0.0.1",
            "SERVICES": SERVICES,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.directory / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.directory / "s3"),
            "LOG_LEVEL": "WARNING",
            "MINISTACK_WORKER_THREADS": "8",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # it would look for containers to reap
        }

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", "/_ministack/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise EmulatorFailed(f"ministack did not start ({error!r}): see {self.log}") from error
        finally:
            connection.close()
        if status != http.client.OK:
            raise EmulatorFailed(f"ministack answered its health check with {status}: see {self.log}")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Let the child save its state and end; kill it only when it hangs, and then say so."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise EmulatorFailed(
                f"ministack hung on stopping; its last changes are lost: see {self.log}"
            ) from error
