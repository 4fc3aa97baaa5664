"""Holds the AWS calls that a run of the whole suite made against the functions' policies, both ways.

`make test` does it at its end (`tests.support.rights_gate`); `python -m tests.rights` does it again with what
the last such run noted, for another look once `infra/grants.py` has changed.

- **Denied**: a function called what its policy does not allow.
- **Unused**: a policy allows what the function never called; of a table, to read or to write it at all. What
  no test can call has its reason in `infra.grants.REASONS`; a reason for what is called, or for nothing that
  is granted, is wrong, too. Not every run reaches what only a race does: `tests/rights_seen.txt`
  holds what earlier ones used, and `python -m tests.rights --keep` adds the last one's.

A job or a sweep that a test runs without the handler counts as its function's: it is the same code.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from infra import policies
from infra.grants import ACTIONS, GRANTS, REASONS, Reason
from tests.support.rights import SHARED, Right, lines

ROOT = Path(__file__).resolve().parents[1]
SEEN = Path(__file__).with_name("rights_seen.txt")
RECORD = ROOT / ".pytest_cache" / "rights.txt"
STAGE = "dev"
WIDTH = 110  # of a line
READS = ("GetItem", "BatchGetItem", "Query")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "BatchWriteItem")


def granted(function: str) -> set[Right]:
    """The rights of a function's policy."""
    document = json.loads(policies.path(STAGE, function).read_text(encoding="utf-8"))
    return {
        (function, action, _name(resource))
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def _name(resource: str) -> str:
    """A table, index, queue or topic without its stage; "*" for what has none of ours."""
    if resource.startswith("arn:aws:s3"):
        return "packages"
    found = re.search(rf"polything-{STAGE}-(.+)", resource)
    return found[1] if found else "*"


def owners() -> dict[str, str]:
    """The function that each job and sweep runs in, by the name that `tests.support.rights` gives them."""
    from chalicelib.handlers.queues import JOBS
    from chalicelib.handlers.schedules import SWEEPS

    jobs = {f"core/{module}.py {function}": "work" for module, function in JOBS.values()}
    sweeps = {_path(run): "sweep" for _, run in SWEEPS}
    return jobs | sweeps


def _path(function: Callable[..., object]) -> str:
    return f"{function.__module__.removeprefix('chalicelib.').replace('.', '/')}.py {function.__qualname__}"


def called(made: Iterable[Right]) -> set[Right]:
    """What functions called; what tests called that is no function's work is left out."""
    owned = owners()
    functions = set(GRANTS)
    return {
        (who, action, resource)
        for name, action, resource in made
        if set((who := owned.get(name, name)).split(SHARED)) <= functions
    }


def compare(
    made: Iterable[Right],
    allowed: set[Right],
    reasons: Iterable[Reason] = REASONS,
    seen: Iterable[Right] = (),
) -> tuple[set[Right], set[Right], list[Reason]]:
    """What is denied, what is unused without a reason, and which reasons are for nothing.

    `seen` are kinds of rights that an earlier run used: what only a race or a chance reaches is not reached
    by each.
    """
    denied: set[Right] = set()
    used: set[Right] = set()
    for who, action, resource in made:
        needs = {(function, action, resource) for function in who.split(SHARED)}
        used |= needs
        own = action == "sqs:DeleteMessage" and needs & allowed  # each function takes from its own queue
        if not own:
            denied |= needs - allowed
    kinds = {*map(_kind, used), *seen}
    unused = {right for right in allowed if _kind(right) not in kinds}
    excused = {reason: {right for right in allowed if _covers(reason, right)} for reason in reasons}
    for rights in excused.values():
        unused -= rights
    vain = [
        reason for reason, rights in excused.items() if not rights or (rights & used and not reason.sometimes)
    ]
    return denied, unused, vain


def _kind(right: Right) -> Right:
    """A right as one to read a table or one to write it: which call does either is a matter of timing, of how
    many items there are, and of what another process does meanwhile.
    """
    function, action, resource = right
    service, _, operation = action.partition(":")
    if service != "dynamodb" or operation not in (*READS, *WRITES):
        return right
    return (function, "read" if operation in READS else "write", resource)


def _covers(reason: Reason, right: Right) -> bool:
    patterns = (reason.function, reason.action, reason.resource)
    return all(map(fnmatchcase, right, patterns))


def judge(made: Iterable[Right]) -> list[str]:
    """What is wrong, a line each."""
    allowed = {right for function in GRANTS for right in granted(function)}
    denied, unused, vain = compare(called(made), allowed, seen=seen())
    return [
        *(f"called without a right: {' '.join(right)}" for right in sorted(denied)),
        *(f"granted and never called: {' '.join(right)}" for right in sorted(unused)),
        *(f"a reason without a use: {' '.join(reason[:4])}" for reason in vain),
    ]


def keep(made: Iterable[Right]) -> None:
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text("\n".join(lines(made)), encoding="utf-8")


def kept() -> set[Right]:
    read = [line.split("\t") for line in RECORD.read_text(encoding="utf-8").splitlines()]
    return {(who, action, resource) for who, action, resource in read}


def seen() -> set[Right]:
    """The kinds of rights that whole runs have used: `--keep` adds those of the last one."""
    if not SEEN.exists():
        return set()
    read = [line.split(" ") for line in SEEN.read_text(encoding="utf-8").splitlines()]
    return {(function, action, resource) for function, action, resource in read}


def add_seen(made: Iterable[Right]) -> None:
    """Keep what is granted and was used; what is granted no more goes."""
    allowed = {_kind(right) for function in GRANTS for right in granted(function)}
    used = {(function, *right) for who, *right in called(made) for function in who.split(SHARED)}
    kinds = allowed & (seen() | {_kind(right) for right in used})
    SEEN.write_text("".join(f"{' '.join(kind)}\n" for kind in sorted(kinds)), encoding="utf-8")


def table(made: Iterable[Right]) -> str:
    """GRANTS of `infra.grants`, as these calls and its reasons would have it."""
    used = {(function, *right) for who, *right in called(made) for function in who.split(SHARED)}
    held = {right for function in GRANTS for right in granted(function)}
    used |= {right for right in held if any(_covers(reason, right) for reason in REASONS)}
    words = {f"dynamodb:{action}": word for word, action in ACTIONS.items()}
    text = ["GRANTS: dict[str, dict[str, str]] = {"]
    for function in GRANTS:
        tables: dict[str, set[str]] = {}
        for who, action, resource in used:
            name, _, index = resource.partition("/index/")
            if who == function and action in words and "/" not in name:
                tables.setdefault(name, set()).add(index or words[action])
        text.append(f'    "{function}": {{')
        for name, allowed in sorted(tables.items()):
            ordered = [*(word for word in ACTIONS if word in allowed), *sorted(allowed - set(ACTIONS))]
            text += _entry(name, " ".join(ordered))
        text.append("    },")
    return "\n".join([*text, "}"])


def _entry(name: str, words: str) -> list[str]:
    line = f'        "{name}": "{words}",'
    if len(line) <= WIDTH:
        return [line]
    break_at = words.index(" by_")
    parts = (words[:break_at], words[break_at:])
    return [f'        "{name}": (', *(f'            "{part}"' for part in parts), "        ),"]


def main(arguments: Sequence[str]) -> int:
    if not RECORD.exists():
        print(f"{RECORD.relative_to(ROOT)} is missing: run `make test` first", file=sys.stderr)
        return 1
    if "--table" in arguments:
        print(table(kept()))
        return 0
    if "--keep" in arguments:
        add_seen(kept())
        return 0
    wrong = judge(kept())
    print("\n".join(wrong) or "the functions call what they may, and may what they call")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
