"""The cloud that the demo is told on: one that runs already, or one of its own for that time."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local.aws import ROOT
from infra.local.running import answers

READY = "ready"
STOP_SECONDS = 30


class CloudFailed(Exception):
    """One line that says why there is no cloud to talk to."""


@contextlib.contextmanager
def cloud(state: Path, url: str | None, *, own: bool) -> Iterator[dict[str, Any]]:
    """What demo.json says of the running cloud, with `url` in place of its address where given.

    Where none runs, and no URL asks for one, a cloud is started and stopped at the end. Raises CloudFailed.
    """
    demo = None if own else _kept(state)
    if url is not None:
        if demo is None:
            raise CloudFailed(f"--url needs the credentials in {state / 'demo.json'}: name its --state")
        demo["http"] = url
    if demo is not None and answers(demo["http"]):
        print(f"Talking to the local cloud at {demo['http']} ({state}).")
        yield demo
    elif url is not None:
        raise CloudFailed(f"nothing answers at {url}")
    else:
        with _started() as demo:
            yield demo


def _kept(state: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((state / "demo.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CloudFailed(f"{state / 'demo.json'} is spoilt ({error}): restart the local cloud") from error
    return found


@contextlib.contextmanager
def _started() -> Iterator[dict[str, Any]]:
    print("No local cloud is running: starting one on free ports, in a directory of its own.", flush=True)
    with tempfile.TemporaryDirectory(prefix="polything-demo-") as folder, _process(Path(folder)) as process:
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
        if READY not in process.stdout.readline():
            raise CloudFailed("the local cloud did not start: see the line above")
        demo = _kept(Path(folder))
        if demo is None:
            raise CloudFailed("the local cloud wrote no demo.json")
        print(f"It answers at {demo['http']}.")
        yield demo


@contextlib.contextmanager
def _process(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A cloud that is stopped as by Ctrl-C."""
    line = [sys.executable, "-m", "infra.local", "--state", str(state), "--port", "0", "--mqtt-port", "0"]
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=STOP_SECONDS)
            process.kill()
