"""`python -m infra.local`: the whole cloud on this machine, until Ctrl-C."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from infra.local.errors import LocalCloudError

FAILED, MISUSED = 1, 2
WATCH_SECONDS = 1.0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m infra.local",
        description="Run Polything on this machine: the APIs, the MQTT broker, queues, streams and "
        "schedules, with a demo tenant. Set AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_SQS to use "
        "servers of your own instead of the built-in emulator.",
    )
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=_port, default=8743, help="HTTP port of the APIs; 0: a free one (%(default)s)")
    add("--mqtt-port", type=_port, default=1883, help="port of the MQTT broker; 0: a free one (%(default)s)")
    broker = "aws: the limits of AWS IoT Core; lenient: without them (%(default)s)"
    add("--broker", choices=("aws", "lenient"), default="aws", help=broker)
    state = "directory that keeps everything over a clean stop (%(default)s)"
    add("--state", type=Path, default=Path(".local"), metavar="DIR", help=state)
    add("--reset", action="store_true", help="forget all kept state first, the demo tenant too")
    sweep = "time between runs of scheduled functions, on AWS a minute (%(default)s)"
    add("--sweep-every", type=_seconds, default=5.0, metavar="SECONDS", help=sweep)
    return result


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds (0.1 to 86400)")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after a stop asked for, 1 where it cannot run, 2 for wrong options."""
    options = parser().parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        return _run(options, stopping)
    except LocalCloudError as error:
        print(f"polything: {error}", file=sys.stderr)
        return FAILED
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in ("app", "chalicelib", "infra"):
            raise  # ours: a fault in the program, not in the installation
        print(
            f"polything: {error.name} is not installed: run `make install` (it builds .venv)", file=sys.stderr
        )
        return FAILED


def _run(options: argparse.Namespace, stopping: threading.Event) -> int:
    # only now: --help and a wrong option must answer at once
    from botocore.exceptions import NoCredentialsError

    from infra.local import logs
    from infra.local.cloud import LocalCloud
    from infra.local.errors import CredentialsMissing
    from infra.local.instructions import instructions
    from infra.local.seed import seed
    from infra.local.sources import Pace

    cloud = LocalCloud(
        options.state,
        host=options.host,
        port=options.port,
        mqtt_port=options.mqtt_port,
        broker=options.broker,
        pace=Pace(sweep_every=options.sweep_every),
        reset=options.reset,
    )
    cloud.state.open()
    terminal = logs.set_up(options.state / "polything.log", fresh=options.reset)
    try:
        cloud.start()
    except NoCredentialsError as error:
        raise CredentialsMissing(
            "the endpoints you named need AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (any, for an emulator)"
        ) from error
    try:
        print(instructions(seed(cloud), options.state), file=terminal, flush=True)
        while not stopping.wait(WATCH_SECONDS):
            cloud.check()
    finally:
        cloud.stop()
    print("stopped; everything is kept in", options.state, file=terminal, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
