"""The command line behind `make package`, `make deploy` and `make destroy`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.deploy import build
from infra.deploy.deployment import PARAMETERS, Deployment, answers
from infra.deploy.errors import DeployError

FAILED = 1


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m infra.deploy",
        description="Put Polything into the AWS account and region that the environment names "
        "(AWS_PROFILE, AWS_DEFAULT_REGION and so on). Every command may be repeated: after a failure mend "
        "what it names and run it again.",
    )
    verbs = result.add_subparsers(dest="verb", metavar="VERB", required=True)
    package = verbs.add_parser("package", help="write one template and one zip, for a pipeline")
    package.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where (%(default)s)")
    deploy = verbs.add_parser("deploy", help="the data stack, the functions with their API, the edge stack")
    for name in PARAMETERS:
        deploy.add_argument(f"--{_option(name)}", help="kept where it is not given; empty takes it away")
    destroy = verbs.add_parser("destroy", help="take functions, API and edge away; data stays")
    destroy.add_argument(
        "--with-data",
        action="store_true",
        help="the data stack too; what it retains (tables, buckets, the key) is left to be deleted by hand",
    )
    destroy.add_argument("--yes", metavar="STAGE", help="the stage's name once more, to mean it")
    for verb in (package, deploy, destroy):
        verb.add_argument("--stage", default="dev", help="dev or prod (%(default)s)")
    return result


def _option(parameter: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in parameter).strip("-")


def run(options: argparse.Namespace) -> None:
    if options.verb == "package":
        template = build.package(options.stage, options.out)
        print(f"{template} and {options.out / build.ZIP}")
        return
    if options.verb == "destroy" and options.yes != options.stage:
        raise DeployError(f"this takes stage {options.stage} away: say --yes {options.stage} to mean it")
    deployment = Deployment(options.stage, lambda text: print(text, flush=True))
    if options.verb == "destroy":
        deployment.destroy(data=options.with_data)
        return
    given = {name: getattr(options, _option(name).replace("-", "_")) for name in PARAMETERS}
    url = deployment.deploy({name: value for name, value in given.items() if value is not None})
    print(f"deployed: {url}" + ("" if answers(url) else " (it does not answer yet)"))


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        run(options)
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
