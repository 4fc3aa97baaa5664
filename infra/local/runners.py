"""What the runners of queues, streams and schedules share: threads that stop promptly and report once.

A runner reads what Chalice registered (`app.event_sources`), builds AWS's event and calls the handler
that Lambda would run. `idle()` says that nothing waits and nothing runs; `handled` grows with every
event, so that a caller can tell a quiet moment from the end of the work.
"""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

JOIN_SECONDS = 10.0


class Runner:
    """Threads around a loop body, with a stop signal and a way to wake the loop early."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.handled = 0
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._running = 0

    def start(self) -> None:
        raise NotImplementedError

    def idle(self, delayed: bool = False) -> bool:
        """Whether nothing waits and nothing runs; `delayed` asks for what waits for its time, too."""
        raise NotImplementedError

    def nudge(self) -> None:
        """Something may have arrived: look now, not at the next poll."""
        self._wake.set()

    def end(self) -> None:
        """Take nothing new; `stop()` waits for what runs."""
        self._stopping.set()
        self._wake.set()

    def stop(self) -> None:
        """Finish what runs, take nothing new."""
        self.end()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                log.error("%s still runs after %g s: left behind", thread.name, JOIN_SECONDS)
        self._threads.clear()

    def _spawn(self, body: Callable[[], None], suffix: str = "") -> None:
        thread = threading.Thread(target=body, name=f"{self.name}{suffix}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pause(self, seconds: float) -> None:
        """Sleep until the time is over, a nudge or the stop."""
        self._wake.wait(seconds)
        self._wake.clear()

    def _attempt(self, work: Callable[[], object], what: str) -> bool:
        """Run `work`; report an exception as one line (the traceback goes to the log) and return False."""
        with self._lock:
            self._running += 1
        try:
            work()
        except Exception as error:
            log.error("%s: %s failed and is retried: %s", self.name, what, describe(error), exc_info=error)
            return False
        finally:
            with self._lock:
                self._running -= 1
                self.handled += 1
        return True


def describe(error: BaseException) -> str:
    """The exception as one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
