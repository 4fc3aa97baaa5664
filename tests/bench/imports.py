"""What a cold start pays for imports, in fresh processes."""

import os
import subprocess
import sys
from collections.abc import Iterator

ROUNDS = 7
FLOOR = "import chalice\nfrom pynamodb.connection import Connection\nConnection(region='us-east-1').client\n"
APP = "import app\n"
AUTHORIZER = APP + "from chalicelib.handlers import authorizer\n"
FIRST_REQUEST = APP + "from chalicelib.handlers import http\nhttp.api_of('huawei')\n"
TIMED = "import time\nstart = time.perf_counter()\n{}print(time.perf_counter() - start)\n"
ENV = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


def run() -> Iterator[str]:
    """Import time against chalice and a PynamoDB client; the goal for app.py is 1.15 at most."""
    cases = {"floor": FLOOR, "app.py": APP, "authorizer": AUTHORIZER, "first Huawei request": FIRST_REQUEST}
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):  # taken in turn, so that a busy moment meets all alike
        for name, code in cases.items():
            best[name] = min(best[name], _time(code))
    yield f"floor (chalice and a client): {best['floor'] * 1000:.0f} ms"
    for name in list(cases)[1:]:
        yield f"{name}: {best[name] / best['floor']:.2f} of the floor"


def _time(code: str) -> float:
    answer = subprocess.run(
        [sys.executable, "-c", TIMED.format(code)],
        env={**os.environ, **ENV},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(answer.stdout)
