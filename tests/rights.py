"""Holds what the functions call, as the last full `make test` recorded it, against their policies, both ways.

`python -m tests.rights` prints what is called without a right, and fails on it. It counts what is granted
and never called; `--unused` lists it: many tests run jobs and queries without their handler, so a right may
be needed though no function was seen to use it. A right that no test can need has its reason here.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from infra import policies
from tests.support.rights import Right

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / ".pytest_cache" / "rights.json"
STAGE = "dev"

# Granted without a call that a test could make, by action and, where it matters, function and resource.
REASONS = {
    "logs:*": "Lambda writes the functions' output itself",
    "sqs:ReceiveMessage": "Lambda polls for the function",
    "sqs:DeleteMessage": "Lambda deletes what the function took",
    "sqs:GetQueueAttributes": "Lambda polls for the function",
    "sqs:ChangeMessageVisibility": "Lambda polls for the function",
    "sqs:SendMessage ingest-failures": "Lambda puts events there whose function failed",
    "sqs:SendMessage dispatch-failures": "Lambda puts batches there whose function failed",
    "dynamodb:DescribeStream": "Lambda reads the stream for the function",
    "dynamodb:GetRecords": "Lambda reads the stream for the function",
    "dynamodb:GetShardIterator": "Lambda reads the stream for the function",
    "dynamodb:ListStreams": "Lambda reads the stream for the function",
    "kms:*": "a local data key needs no KMS",
    "dynamodb:GetItem keyring": "a local data key needs no keyring",
    "dynamodb:PutItem keyring": "a local data key needs no keyring",
    "s3:GetObject packages": "a signed URL can do what its signer may: devices use the right",
    "s3:PutObject packages": "a signed URL can do what its signer may: operators use the right",
}


def granted(function: str) -> set[Right]:
    """The rights of a function's policy."""
    document = json.loads(policies.path(STAGE, function).read_text(encoding="utf-8"))
    return {
        (function, action, _name(resource))
        for statement in document["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        if "/index/" not in resource
    }


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _name(resource: str) -> str:
    """A table or queue without its stage; "*" for what has none of ours."""
    if resource.startswith("arn:aws:s3"):
        return "packages"
    found = re.search(rf"polything-{STAGE}-([a-z.-]+)", resource)
    return found[1].removesuffix("/stream/*") if found else "*"


def reason(right: Right) -> str | None:
    _, action, resource = right
    for pattern, why in REASONS.items():
        wanted, _, on = pattern.partition(" ")
        if fnmatchcase(action, wanted) and on in ("", resource):
            return why
    return None


def compare(made: Iterable[Right]) -> tuple[list[Right], list[Right]]:
    """What is called without a right, and what is granted without a call or a reason."""
    allowed = {right for function in policies.GRANTS for right in granted(function)}
    denied: list[Right] = []
    called: set[Right] = set()
    for functions, action, resource in made:
        needs = {(function, action, resource) for function in functions.split("+")}
        called |= needs
        if not needs & allowed:
            denied.append((functions, action, resource))
    unused = {right for right in allowed - called if reason(right) is None}
    return sorted(denied), sorted(unused)


def main(arguments: Sequence[str]) -> int:
    if not RECORD.exists():
        print(f"{RECORD.relative_to(ROOT)} is missing: run `make test` first", file=sys.stderr)
        return 1
    made = [tuple(right) for right in json.loads(RECORD.read_text(encoding="utf-8"))]
    denied, unused = compare(made)
    for function, action, resource in denied:
        print(f"called without a right: {function} {action} {resource}")
    if "--unused" in arguments:
        for function, action, resource in unused:
            print(f"granted and never called: {function} {action} {resource}")
    print(f"{len(made)} rights used, {len(denied)} missing, {len(unused)} granted and not seen used")
    return 1 if denied else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
