"""A check: its name, the statement of docs/unverified.md that it proves, and how it does."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from infra.verify.stage import Stage

PASS, FAIL, SKIP = "pass", "fail", "skip"


class Skipped(Exception):
    """It cannot be proven here; the text says why."""


class Unproven(Exception):
    """The statement does not hold; the text says what was found."""


@dataclass(frozen=True)
class Check:
    """`proves` is the beginning of a statement as it stands in docs/unverified.md; `needs` is for people."""

    name: str
    proves: str
    needs: str
    run: Callable[[Stage], str]


@dataclass(frozen=True)
class Result:
    name: str
    outcome: str
    reason: str
    proves: str
    seconds: float


def require(holds: object, text: str) -> None:
    """Raises Unproven."""
    if not holds:
        raise Unproven(text)


def performed(checks: Iterable[Check], stage: Stage, told: Callable[[Result], None]) -> list[Result]:
    """Run them in their order; one that fails stops no other."""
    results = []
    for check in checks:
        began = time.monotonic()
        try:
            outcome, reason = PASS, check.run(stage)
        except Skipped as error:
            outcome, reason = SKIP, str(error)
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            unknown = code in ("UnknownOperationException", "InvalidAction", "UnsupportedOperation")
            outcome, reason = (SKIP if unknown else FAIL), f"AWS: {error}"
        except Exception as error:  # noqa: BLE001 - whatever a check meets is its result
            outcome, reason = FAIL, f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - began, 1)
        result = Result(check.name, outcome, " ".join(reason.split()), check.proves, seconds)
        told(result)
        results.append(result)
    return results
