"""Declares an operation of this API: its scopes, and how it stands in the audit log.

    @declaring.post("/operator/v1/things", scopes=(WRITE,), action="thing.create", makes=True)
    def create_thing(call: Call[None, None, NewThing]) -> ThingShown: …

An operation with an action is recorded; one that was only asked what it would do (`dryRun`) is not.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import msgspec

from ...core import audit
from ...core.operators import Scope
from ...web.operations import View
from .api import api
from .auth import ACTS, Act, actor, target

BASE = "/operator/v1"
READ, WRITE, SECRETS, DESTROY, OPERATORS = Scope


def get(path: str, **rest: Any) -> Callable[[View], View]:
    return _declared("GET", path, **rest)


def post(path: str, **rest: Any) -> Callable[[View], View]:
    return _declared("POST", path, **rest)


def put(path: str, **rest: Any) -> Callable[[View], View]:
    return _declared("PUT", path, **rest)


def delete(path: str, **rest: Any) -> Callable[[View], View]:
    return _declared("DELETE", path, **rest)


def _declared(
    method: str,
    path: str,
    *,
    scopes: Sequence[Scope] = (READ,),
    action: str = "",
    whole: bool = True,
    makes: bool = False,
    **rest: Any,
) -> Callable[[View], View]:
    def declare(view: View) -> View:
        act = Act(tuple(scopes), action, whole, makes)
        ACTS[view.__name__] = act
        made = _recorded(view, act) if action else view
        needs = ", ".join(f"`{each.value}`" for each in scopes)
        made.__doc__ = f"{(view.__doc__ or '').rstrip()}\n\n    Scopes: {needs}.\n    "
        return api.operation(method, BASE + path, source="Polything", **rest)(made)

    return declare


def _recorded(view: View, act: Act) -> View:
    @wraps(view)
    def recorded(call: Any) -> Any:
        if getattr(call.query, "dry_run", False):
            return view(call)
        named = target(msgspec.to_builtins(call.path)) if call.path is not None else {}
        who = actor(call.caller, call.request)
        with audit.recorded(who, act.action, named, whole=act.whole) as note:
            answer = view(call)
            note.made = answer.id if act.makes else None
        return answer

    return recorded
