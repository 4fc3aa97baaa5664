"""The broker as the local cloud and the tests use it: started and stopped from ordinary code."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterable

from infra.local.broker.dataplane import DataPlane
from infra.local.broker.http_server import HttpServer
from infra.local.broker.hub import Hub
from infra.local.broker.invoker import (
    DEFAULT_BACKLOG,
    DEFAULT_WORKERS,
    RETRY_DELAYS,
    Invoke,
    Invoker,
    OnFailure,
)
from infra.local.broker.limits import AWS, Limits
from infra.local.broker.link import Link
from infra.local.broker.rules import TopicRule

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
STOP_GRACE_SECONDS = 5.0


class Broker:
    """Stands in for IoT Core on two loopback ports: MQTT 3.1.1 and the HTTP data plane.

    `invoke(function_name, event)` runs a function and returns its answer; it is called from worker
    threads. `on_failure(function_name, event, error)` gets what failed three times, as a failure queue
    would. `workers` bounds rule invocations at a time, `backlog` those running and queued together;
    beyond it publishers are held back. `retry_delays` are the seconds before each repeated attempt.
    """

    def __init__(
        self,
        invoke: Invoke,
        rules: Iterable[TopicRule],
        authorizer: str = "authorizer",
        limits: Limits = AWS,
        server_name: str = "localhost",
        region: str = "us-east-1",
        account: str = "000000000000",
        clock: Callable[[], float] = time.time,
        on_failure: OnFailure | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        workers: int = DEFAULT_WORKERS,
        backlog: int = DEFAULT_BACKLOG,
        retry_delays: tuple[float, ...] = RETRY_DELAYS,
    ) -> None:
        self.mqtt_port = 0
        self.data_port = 0
        self._ssl_context = ssl_context
        self._invoker = Invoker(
            invoke, on_failure=on_failure, workers=workers, backlog=backlog, retry_delays=retry_delays
        )
        self._hub = Hub(
            invoke=invoke,
            invoker=self._invoker,
            rules=rules,
            limits=limits,
            authorizer=authorizer,
            server_name=server_name,
            arn_prefix=f"arn:aws:iot:{region}:{account}:",
            clock=clock,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._mqtt: asyncio.Server | None = None
        # Room above the limit, so that a payload too large still reaches the operation and its typed error.
        self._http = HttpServer(DataPlane(self._hub).handle, max_body=2 * limits.message_bytes)

    def start(self, host: str = "127.0.0.1", mqtt_port: int = 0, data_port: int = 0) -> None:
        """Listen and return. Port 0 lets the system choose; see `mqtt_port` and `data_port` afterwards.

        `host` is where MQTT listens; the data plane asks nobody who he is, so it stays on loopback.

        Raises OSError when a port is taken; the broker cannot be started again then.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
        self._thread.start()
        listening = self._listen(self._loop, host, mqtt_port, data_port)
        try:
            asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        except OSError:
            self.stop()
            raise

    def stop(self, grace: float = STOP_GRACE_SECONDS) -> None:
        """Disconnect everybody, wait `grace` seconds for running invocations, end the thread.

        Does nothing when the broker does not run.
        """
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(grace), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def idle(self) -> bool:
        """Whether no rule invocation runs, is queued or waits for its next attempt."""
        return self._invoker.idle

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Wait until `idle`. Raises TimeoutError."""
        self._invoker.wait_idle(timeout)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, host: str, mqtt_port: int, data_port: int
    ) -> None:
        try:
            self._mqtt = await loop.create_server(
                lambda: Link(self._hub), host, mqtt_port, ssl=self._ssl_context
            )
        except OSError as error:
            raise OSError(error.errno, f"MQTT port {mqtt_port} on {host}: {error.strerror}") from error
        try:
            self.data_port = await self._http.start(LOOPBACK, data_port)
        except OSError as error:
            raise OSError(
                error.errno, f"data plane port {data_port} on {LOOPBACK}: {error.strerror}"
            ) from error
        self.mqtt_port = int(self._mqtt.sockets[0].getsockname()[1])
        log.info("broker on %s: MQTT %d, data plane %d", host, self.mqtt_port, self.data_port)

    async def _close(self, grace: float) -> None:
        if self._mqtt is not None:
            self._mqtt.close()
        await self._http.close()
        await self._hub.close()
        await self._invoker.close(grace)
        # Lets transports that were closed above run their last callbacks.
        await asyncio.sleep(0)
