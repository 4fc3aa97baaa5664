"""Keys of operators."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ....core import errors as core
from ....core import operators
from ....core.operators import Operator, Scope
from ....web.operations import Call
from .. import declaring
from ..declaring import DESTROY, OPERATORS
from ..schema import Destroyed, Destroying, Id, Name, Wire, millis, time_of, time_or_none

Scopes = Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]


class OperatorPath(Wire, frozen=True):
    operator_id: Id


class NewOperator(Wire, frozen=True):
    """`scopes` are of the caller's own at most. Without `expires` it lasts until it is revoked."""

    name: Name
    scopes: Scopes
    expires: datetime | None = None


class OperatorShown(Wire, frozen=True, kw_only=True):
    """`creator` is the operator that made it, or who did on the command line. `key` is shown once."""

    id: str
    name: str
    scopes: list[str]
    created: datetime
    creator: str
    expires: datetime | None = None
    key: str | None = None


class OperatorList(Wire, frozen=True):
    operators: list[OperatorShown]


@declaring.get("/me")
def get_me(call: Call[None, None, None]) -> OperatorShown:
    """Say whose key this is, and what it may do."""
    return shown(call.caller)


@declaring.get("/operators", scopes=(OPERATORS,))
def list_operators(call: Call[None, None, None]) -> OperatorList:
    """List the operators, oldest first, also those whose key has expired."""
    return OperatorList([shown(each) for each in operators.list_operators()])


@declaring.post(
    "/operators",
    scopes=(OPERATORS,),
    action="operator.create",
    makes=True,
    status=201,
    raises=(core.InvalidInput, core.ScopeMissing),
)
def create_operator(call: Call[None, None, NewOperator]) -> OperatorShown:
    """Make an operator's key; it is shown once.

    To change a key without a gap: make another, put it to use, revoke the old.
    """
    body = call.body
    call.caller.require(body.scopes)
    made, key = operators.create(body.name, body.scopes, call.caller.id, millis(body.expires))
    return shown(made, key)


@declaring.delete(
    "/operators/{operatorId}",
    scopes=(OPERATORS, DESTROY),
    action="operator.revoke",
    raises=(core.OperatorNotFound,),
)
def revoke_operator(call: Call[OperatorPath, Destroying, None]) -> Destroyed:
    """Revoke an operator's key; it is refused everywhere within a minute."""
    found = operators.find(call.path.operator_id)
    if not call.query.dry_run:
        operators.revoke(found.id)
    return Destroyed("operator", found.id, found.name, call.query.dry_run)


def shown(found: Operator, key: str | None = None) -> OperatorShown:
    return OperatorShown(
        id=found.id,
        name=found.name,
        scopes=sorted(found.scopes),
        created=time_of(found.created),
        creator=found.creator,
        expires=time_or_none(found.expires),
        key=key,
    )
