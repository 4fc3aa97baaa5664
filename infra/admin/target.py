"""Which cloud a command means: the local one, or the one that the environment variables name."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.admin.errors import NoCloud
from infra.local import running
from infra.local.environment import MISLEADING, Environment, unproxied

STATE = Path(".local")
NAMED = ("POLYTHING_PREFIX", "POLYTHING_STAGE")


@contextmanager
def chosen(state: Path | None) -> Iterator[None]:
    """Point this process at the cloud meant: the local one of `state`; without it the one that the
    environment names, else the local one in `.local`. Raises NoCloud.

    Must enclose the first import of core, which reads the environment once.
    """
    if state is None and any(os.environ.get(name) for name in NAMED):
        yield
        return
    found = running.find(state or STATE)
    if found is None:
        raise NoCloud(_absent(state))
    if state is None:
        print(f"(the local cloud in {STATE})", file=sys.stderr)
    changes = Environment()
    changes.unset(MISLEADING)
    changes.set({**found, **unproxied(os.environ)})
    try:
        yield
    finally:
        changes.restore()


def _absent(state: Path | None) -> str:
    if state is not None:
        return f"no local cloud runs in {state}: start it with `make run`"
    return "no local cloud runs here (`make run` starts one) and POLYTHING_PREFIX does not name one on AWS"
