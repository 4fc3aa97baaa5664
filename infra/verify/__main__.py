"""The command line behind `make verify-aws`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy.errors import DeployError
from infra.local.clients import CallFailed
from infra.verify.checks import FAIL, Result, performed
from infra.verify.deployed import DEPLOYED
from infra.verify.devices import DEVICE
from infra.verify.stage import Stage

FAILED = 1
CHECKS = (*DEPLOYED, *DEVICE)


def parser() -> argparse.ArgumentParser:
    names = "\n".join(f"  {each.name:<18} {each.proves}" for each in CHECKS)
    result = argparse.ArgumentParser(
        prog="python -m infra.verify",
        description="Prove on a deployed stage what docs/unverified.md lists. It makes devices and a product "
        "of a tenant of its own, and removes them. Exit code 1: a check failed.",
        epilog=f"checks, and what they prove:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--stage", default="dev", help="dev or prod (%(default)s)")
    add(
        "--only",
        action="append",
        metavar="NAME",
        choices=[each.name for each in CHECKS],
        help="again for more",
    )
    add("--url", default="", help="address of the APIs (API Gateway's own)")
    add("--mqtt", default="", metavar="HOST:PORT", help="a broker without TLS in the place of IoT Core")
    add("--json", action="store_true", help="print the results as JSON")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    wanted = [each for each in CHECKS if not options.only or each.name in options.only]

    def told(result: Result) -> None:
        if not options.json:
            print(f"{result.outcome}  {result.name:<18} {result.seconds:5.1f} s  {result.reason}", flush=True)

    try:
        stage = Stage(
            options.stage, os.environ.get("POLYTHING_OPERATOR_KEY", ""), options.url.rstrip("/"), options.mqtt
        )
        stage.find()
        try:
            results = performed(wanted, stage, told)
        finally:
            stage.clear()
    except (DeployError, ClientError, BotoCoreError, CallFailed) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps([asdict(each) for each in results], indent=2, ensure_ascii=False))
    return FAILED if any(each.outcome == FAIL for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
