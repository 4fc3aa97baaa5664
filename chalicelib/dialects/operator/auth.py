"""Who calls: the key of an operator, as `Authorization: Bearer op_…`, with the scopes an operation needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...core import audit, operators
from ...core.audit import Actor
from ...core.errors import MissingCredentials, ScopeMissing
from ...core.operators import Operator, Scope
from ...web.operations import Operation
from ...web.request import Request


@dataclass(frozen=True)
class Act:
    """What an operation needs and is called in the audit log; `action` is "" for one that is not recorded.

    `whole`: it is one transaction. `makes`: its answer's id is that of what it made.
    """

    scopes: tuple[Scope, ...]
    action: str = ""
    whole: bool = True
    makes: bool = False


ACTS: dict[str, Act] = {}  # by name of the operation; `declaring` fills it


def authenticate(request: Request, operation: Operation) -> Operator:
    """Raises MissingCredentials, WrongSecret, InvalidToken, TooManyFailures; ScopeMissing is recorded."""
    scheme, _, key = (request.header("authorization") or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise MissingCredentials("no key")
    operator = operators.verify(key.strip(), request.source_ip)
    act = ACTS[operation.name]
    try:
        operator.require(act.scopes)
    except ScopeMissing as error:
        where = {"method": request.method, "path": request.path[:500]}
        audit.refused(actor(operator, request), act.action or operation.name, where, error)
        raise
    return operator


def actor(operator: Operator, request: Request) -> Actor:
    return Actor(operator.id, operator.name, request.source_ip, request.request_id)


def target(path: Mapping[str, str]) -> dict[str, str]:
    """Of an operation's path: "applicationId" is told as "application"."""
    return {name.removesuffix("Id"): value for name, value in path.items()}
