"""For whom an application may act.

An application acts for itself. Acting for another needs that other's authorisation; none can be
given yet, so naming another is refused.
"""

from .applications import Caller
from .errors import NotAuthorized


def caller(tenant: str, application: str, asked: str | None) -> Caller:
    """`asked` is the application named in the request, empty for the caller itself. Raises NotAuthorized."""
    if asked and asked != application:
        raise NotAuthorized(asked)
    return Caller(tenant=tenant, application=application, owner=application)
