"""Whether the gateway can be reached. Source: Feiyan 6.1"""

from typing import Annotated

from msgspec import Meta

from ....web.operations import Call
from ..declaring import NO_USER, client
from ..schema import Wire


class Ping(Wire, frozen=True):
    input: Annotated[str, Meta(max_length=1024 * 1024, examples=["1"])]


@client("/kit/debug/ping", "1.0.0", source="Feiyan 6.1.1", user=NO_USER)
def ping(call: Call[None, None, Ping]) -> str:
    """Answer what was sent, up to 1 MB."""
    return call.body.input
