"""The command line's shape: a noun, a verb, and on every verb the same few options."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.admin.answers import Answer
from infra.admin.target import STATE

PROGRAM = "python -m infra.admin"
DESCRIPTION = """\
Run Polything as its operator: make tenants and applications, load products and their thing models.

It works on the cloud that POLYTHING_PREFIX (or POLYTHING_STAGE) and the ordinary AWS variables name;
where neither is set, or with --local, on the local cloud that runs here.
"""
EPILOG = f"""\
examples:
  {PROGRAM} tenant create "Acme Water"
  {PROGRAM} application create --tenant 3f… --name Billing --json
  {PROGRAM} product import --tenant 3f… --profile meter-profile.zip --layout meter-layout.json
  POLYTHING_PREFIX=polything-prod AWS_PROFILE=acme {PROGRAM} product list --tenant 3f…

exit codes: 0 done, 1 refused or failed (one line on standard error), 2 wrong usage
"""


Run = Callable[[argparse.Namespace], Answer]


class Nouns:
    """Builds the parser: each noun's module adds itself."""

    def __init__(self) -> None:
        self.parser = _parser(PROGRAM, DESCRIPTION, EPILOG)
        self._nouns = self.parser.add_subparsers(metavar="NOUN", required=True)

    def noun(self, name: str, help_: str) -> "Verbs":
        parser = self._nouns.add_parser(name, help=help_, description=f"{name}: {help_}")
        return Verbs(name, parser.add_subparsers(metavar="VERB", required=True))


class Verbs:
    def __init__(self, noun: str, verbs: Any) -> None:
        self._noun = noun
        self._verbs = verbs

    def verb(
        self, name: str, run: Run, help_: str, example: str, *, preview: Run | None = None
    ) -> argparse.ArgumentParser:
        """A parser whose options `run` gets. What destroys has a `preview`, which only says what would go."""
        parser: argparse.ArgumentParser = self._verbs.add_parser(
            name,
            help=help_,
            description=help_,
            epilog=f"example:\n  {PROGRAM} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")
        local = parser.add_mutually_exclusive_group()
        state = "the local cloud that keeps its state there"
        local.add_argument("--state", type=Path, metavar="DIR", help=state)
        local.add_argument(
            "--local", dest="state", action="store_const", const=STATE, help=f"--state {STATE}"
        )
        if preview:
            dry = "say what would be destroyed, and destroy nothing"
            parser.add_argument("--dry-run", action="store_true", help=dry)
        parser.set_defaults(run=run, preview=preview, noun=self._noun, verb=name)
        return parser


def _parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
