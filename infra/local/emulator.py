"""The child process: ministack on a socket that it inherits (`python -m infra.local.emulator FD`).

Run by `infra.local.aws`, which sets ministack's environment. Two things differ from plain
`python -m ministack`:

- it ends, keeping its state, when its parent is gone: standard input is a pipe that the parent holds open;
- stream records are part of the kept state. ministack 1.5.33 keeps tables but forgets their streams,
  and an event written just before a stop would never be dispatched.
"""

import asyncio
import copy
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

KEPT = ("_stream_records", "_stream_trimmed", "_closed_streams")


def _stop_with_parent(stopping: Callable[[], None]) -> None:
    """Block until the parent closes its end of the pipe, by design or by dying."""
    while sys.stdin.buffer.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    stopping()


def keep_streams(dynamodb: Any) -> None:
    """Add the stream records to what ministack's DynamoDB module saves and restores."""
    save, restore = dynamodb.get_state, dynamodb.load_persisted_state

    def get_state() -> dict[str, Any]:
        state: dict[str, Any] = save()
        state.update({name: copy.deepcopy(getattr(dynamodb, name)) for name in KEPT})
        return state

    def load_persisted_state(state: dict[str, Any]) -> None:
        restore(state)
        for name in KEPT:
            getattr(dynamodb, name).update(state.get(name, {}))

    dynamodb.get_state, dynamodb.load_persisted_state = get_state, load_persisted_state


def main(stopping: Callable[[], None] = lambda: None) -> None:
    """`stopping` runs in a thread of its own while the server ends."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app  # type: ignore[import-untyped]
    from ministack.services import dynamodb  # type: ignore[import-untyped]

    keep_streams(dynamodb)
    threading.Thread(target=_stop_with_parent, args=(stopping,), daemon=True).start()
    config = Config()
    config.bind = [f"fd://{sys.argv[1]}"]
    config.loglevel = os.environ["LOG_LEVEL"]
    config.keep_alive_timeout = 300  # longer than a client's pool keeps an idle connection
    config.graceful_timeout = 1  # a long poll must not delay the stop
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
