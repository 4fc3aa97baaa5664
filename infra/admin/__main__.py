"""`python -m infra.admin`: run one command, print its answer, say what went wrong in one line."""

import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from infra.admin import (
    accounts,
    applications,
    audit,
    authorizations,
    automations,
    callbacks,
    devices,
    encryption,
    groups,
    jobs,
    keys,
    operators,
    packages,
    products,
    target,
    tenants,
)
from infra.admin.answers import printed
from infra.admin.errors import NoCloud, explained
from infra.admin.parsing import Nouns
from infra.admin.recording import performed

FAILED = 1
NOUNS = (
    operators,
    audit,
    tenants,
    applications,
    authorizations,
    keys,
    accounts,
    products,
    devices,
    groups,
    packages,
    automations,
    callbacks,
    encryption,
    jobs,
)


def parser() -> ArgumentParser:
    nouns = Nouns()
    for noun in NOUNS:
        noun.add(nouns)
    return nouns.parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 refused or failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    logging.getLogger("botocore").setLevel(logging.ERROR)
    try:
        with target.chosen(options.state):
            return _run(options)
    except NoCloud as error:
        return _failed(str(error))


def _run(options: Namespace) -> int:
    try:
        answer = performed(options)
    except Exception as error:
        line = explained(error)
        if line is None:
            raise
        return _failed(line)
    print(printed(answer, as_json=options.json))
    return 0


def _failed(line: str) -> int:
    print(f"polything: {line}", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
