"""How an operation is declared: its path, the version it was published at, and who may call it.

    @client("/thing/info/get", "1.0.4", source="Feiyan 6.4.1", raises=(NotBound,))
    def get_thing_info(call: Call[None, None, ThingId]) -> ThingInfo:
        '''What the cloud knows of a thing.'''

`call.caller` is a `users.Person` where a person's token is needed, else the project's `Caller`. The view's
answer is the envelope's `data`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import msgspec

from ...core.errors import InvalidInput, PolythingError
from ...web.operations import Fault, View

T = TypeVar("T")

VERSION = re.compile(r"(?P<line>[0-9]{1,4}\.[0-9]{1,4})\.[0-9]{1,4}")


class Audience(Enum):
    """Whose program calls."""

    APP = "client"
    CLOUD = "cloud"


class Who(Enum):
    """Whose token a call shows."""

    PERSON = "person"  # an iotToken
    EITHER = "either"  # an iotToken or a cloudToken
    ANYBODY = "anybody"  # either, or none
    NOBODY = "nobody"  # for a cloud's operation: no cloudToken


REQUIRED_USER, EITHER_TOKEN, OPTIONAL_USER, NO_USER = Who.PERSON, Who.EITHER, Who.ANYBODY, Who.NOBODY


class Beside(msgspec.Struct, frozen=True, rename="camel"):
    """An answer whose fields stand in the envelope itself; one of them is `data`."""


@dataclass(frozen=True)
class About:
    """What the gateway has to know of an operation. Without a version it has no envelope."""

    audience: Audience = Audience.APP
    version: str = ""
    who: Who = Who.NOBODY

    def serves(self, version: str) -> bool:
        """Whether a call at this version is one of the operation: the patch version does not matter."""
        asked, own = VERSION.fullmatch(version), VERSION.fullmatch(self.version)
        return bool(asked and own and asked["line"] == own["line"])


def client(
    path: str,
    version: str,
    *,
    source: str,
    user: Who = REQUIRED_USER,
    raises: Sequence[type[PolythingError]] = (),
    faults: Mapping[type[PolythingError], Fault] | None = None,
    also: Sequence[str] = (),
) -> Callable[[View], View]:
    """An operation of apps."""
    about = About(Audience.APP, version, user)
    return _declare(path, about, source=source, raises=raises, faults=faults, also=also)


def cloud(
    path: str,
    version: str,
    *,
    source: str,
    token: bool = True,
    raises: Sequence[type[PolythingError]] = (),
    faults: Mapping[type[PolythingError], Fault] | None = None,
    also: Sequence[str] = (),
) -> Callable[[View], View]:
    """An operation of clouds, which shows a cloudToken unless `token` says otherwise."""
    about = About(Audience.CLOUD, version, Who.EITHER if token else Who.NOBODY)
    return _declare(path, about, source=source, raises=raises, faults=faults, also=also)


def _declare(
    path: str, about: About, *, raises: Sequence[type[PolythingError]], **rest: Any
) -> Callable[[View], View]:
    from .api import api
    from .auth import REFUSALS

    return api.post(path, about=about, raises=(*raises, *REFUSALS[about.who]), **rest)


def either(name: str, *given: T | None) -> T:
    """The first that is given of a parameter that has several names. Raises InvalidInput that names it."""
    for each in given:
        if each is not None and each != "":
            return each
    raise InvalidInput(name, "is missing", missing=True)
