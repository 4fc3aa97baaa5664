"""Runs the functions of topic rules the way Lambda's asynchronous invocations do: later, and again."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

Invoke = Callable[[str, dict[str, Any]], Any]
OnFailure = Callable[[str, dict[str, Any], BaseException], None]

log = logging.getLogger(__name__)

DEFAULT_WORKERS = 8
DEFAULT_BACKLOG = 1000
RETRY_DELAYS = (0.2, 0.4)
"""Seconds before the second and third attempt. AWS waits one and two minutes; nobody would at a desk."""


class Invoker:
    """A bounded number of threads, and a backlog whose fullness the broker turns into back-pressure.

    All methods but `idle` and `wait_idle` belong to the event loop's thread.
    """

    def __init__(
        self,
        invoke: Invoke,
        *,
        on_failure: OnFailure | None,
        workers: int,
        backlog: int,
        retry_delays: tuple[float, ...],
    ) -> None:
        self._invoke = invoke
        self._on_failure = on_failure
        self._backlog = backlog
        self._retry_delays = retry_delays
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="broker-rule")
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = threading.Event()
        self._idle.set()
        self.on_room: Callable[[], None] = lambda: None

    @property
    def saturated(self) -> bool:
        """Whether publishers must wait: what is running and queued reached the backlog."""
        return len(self._tasks) >= self._backlog

    @property
    def idle(self) -> bool:
        """Whether nothing runs, is queued or waits for its next attempt. Callable from any thread."""
        return self._idle.is_set()

    def wait_idle(self, timeout: float) -> None:
        """Block another thread until idle. Raises TimeoutError."""
        if not self._idle.wait(timeout):
            raise TimeoutError(f"rule invocations still running after {timeout} s")

    def submit(self, function_name: str, event: dict[str, Any]) -> None:
        """Invoke a function, not now and not here."""
        self._idle.clear()
        task = asyncio.get_running_loop().create_task(self._run(function_name, event))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self, grace: float) -> None:
        """Give running invocations `grace` seconds, then give up on them, saying how many."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        if self._tasks:
            log.warning("broker stopped with %d rule invocations unfinished", len(self._tasks))
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        was_saturated = self.saturated
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()
        if was_saturated:
            self.on_room()

    async def _run(self, function_name: str, event: dict[str, Any]) -> None:
        error = await self._attempt(function_name, event)
        for delay in self._retry_delays:
            if error is None:
                return
            await asyncio.sleep(delay)
            error = await self._attempt(function_name, event)
        if error is not None:
            await self._give_up(function_name, event, error)

    async def _attempt(self, function_name: str, event: dict[str, Any]) -> Exception | None:
        # A copy each time: a handler that changes its event and fails must not spoil the next attempt.
        own = deepcopy(event)
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._invoke, function_name, own)
        except Exception as error:  # noqa: BLE001 - whatever a function raises is a failed invocation
            return error
        return None

    async def _give_up(self, function_name: str, event: dict[str, Any], error: Exception) -> None:
        attempts = 1 + len(self._retry_delays)
        log.error("function %s failed %d times, giving up: %r", function_name, attempts, error)
        if self._on_failure is None:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._pool, self._on_failure, function_name, event, error
            )
        except Exception:
            log.exception("the failure hook of function %s failed itself", function_name)
