"""How a login code gets to a phone or a mailbox: the operator plugs in what can.

POLYTHING_CODE_SENDER says which: the ARN of an SNS topic, to which the operator's own programs subscribe
and that must be named `<prefix>-codes`; or `log`, for trying out, where the code is written to the log
and whoever reads that can log in as anybody. Without it no code is sent.
"""

from typing import Protocol

import msgspec

from ..aws import topics
from ..logs import logger
from ..settings import settings
from .errors import CodesNotSent


class Letter(msgspec.Struct, frozen=True):
    """`code` for who logs in to `application` as `login`, a phone number or an e-mail address; good until
    `until` (ms).
    """

    application: str
    login: str
    code: str
    until: int


class Sender(Protocol):
    def __call__(self, letter: Letter) -> None: ...


def chosen() -> Sender:
    """Raises CodesNotSent where the operator has chosen none."""
    name = settings().code_sender
    if not name:
        raise CodesNotSent("POLYTHING_CODE_SENDER is not set")
    return to_log if name == "log" else to_topic


def to_log(letter: Letter) -> None:
    logger().info("a login code", extra={"target": letter.login, "code": letter.code})


def to_topic(letter: Letter) -> None:
    """A JSON object with the letter's fields; the attribute `kind` is "phone" or "email". One AWS call."""
    kind = "email" if "@" in letter.login else "phone"
    topics.publish(settings().code_sender, msgspec.json.encode(letter).decode(), kind=kind)
