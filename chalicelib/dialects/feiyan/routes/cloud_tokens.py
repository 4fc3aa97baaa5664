"""Tokens of clouds. Source: Feiyan 7.1"""

from typing import Annotated, Literal

from msgspec import Meta

from ....core import clock, tokens
from ....core import errors as core
from ....core.applications import Caller
from ....web.operations import Call
from .. import auth, errors
from ..declaring import cloud
from ..schema import Wire

LASTS = 2 * clock.HOUR
LIFETIMES = tokens.Lifetimes(access=LASTS)


class TokenRequest(Wire, frozen=True):
    """`res` is the project's id."""

    grant_type: Literal["project"]
    res: Annotated[str, Meta(min_length=1, max_length=64)]


class TokenRefresh(Wire, frozen=True):
    cloud_token: Annotated[str, Meta(min_length=1, max_length=512)]


class CloudToken(Wire, frozen=True):
    """`expire_in` in ms."""

    cloud_token: str
    expire_in: Annotated[int, Meta(examples=[LASTS])]


@cloud("/cloud/token", "1.0.1", source="Feiyan 7.1.1", token=False, raises=(core.ApplicationNotFound,))
def get_cloud_token(call: Call[None, None, TokenRequest]) -> CloudToken:
    """A token for the project of the app key; the one before it ends.

    One AWS call beside those of the signature.
    """
    if call.body.res != call.caller.application:
        raise core.ApplicationNotFound(call.body.res)
    return _issued(call.caller)


@cloud(
    "/cloud/token/refresh", "1.0.1", source="Feiyan 7.1.2", token=False, raises=(errors.InvalidCloudToken,)
)
def refresh_cloud_token(call: Call[None, None, TokenRefresh]) -> CloudToken:
    """A new token for one that has not expired; the old one ends.

    One AWS call beside those of the signature.
    """
    return _issued(auth.check_cloud(call.body.cloud_token, call.caller))


def _issued(caller: Caller) -> CloudToken:
    grant = auth.cloud_grant(caller.application)
    pair = tokens.issue(grant, caller.application, caller.tenant, LIFETIMES)
    return CloudToken(pair.access, LASTS)
