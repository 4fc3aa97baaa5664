"""Login codes: who knows one has the phone or the mailbox that it was sent to.

Six digits, good for five minutes and five tries; a new one ends the one before it. For a login at most
`MOST_SENT` are sent in an hour, so that guessing gets nowhere, and at the bidding of one address
`MOST_ASKED`.
"""

import hmac
import secrets

from pynamodb.exceptions import UpdateError

from ..store.codes import LoginCodeRecord
from ..store.transactions import Transaction, code_of
from . import attempts, clock, code_senders
from .applications import hashed
from .code_senders import Letter
from .errors import WrongSecret

LASTS = 5 * clock.MINUTE
MOST_TRIES = 5
DIGITS = 6
MOST_SENT = 5
MOST_ASKED = 20
WINDOW = clock.HOUR


def send(application: str, login: str, address: str) -> None:
    """To `login`, as `user_names.normalized` spells it, on behalf of who called from `address`.

    Three AWS calls and the sender's. Raises CodesNotSent, TooManyFailures.
    """
    sender = code_senders.chosen()
    attempts.spend("code-asked", address, MOST_ASKED, WINDOW)
    attempts.spend("code-sent", f"{application}#{login}", MOST_SENT, WINDOW)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    until = clock.now() + LASTS
    name = _name(application, login)
    record = LoginCodeRecord(
        name, hash=hashed(name + code), tries=0, until=until, ttl=until // clock.SECOND + 1
    )
    record.save()
    sender(Letter(application, login, code, until))


def prove(application: str, login: str, code: str) -> LoginCodeRecord:
    """The code's record, for `spend`. One AWS call. Raises WrongSecret.

    A try counts before it is looked at, so many at once get no more than the others.
    """
    record = LoginCodeRecord(_name(application, login))
    known = LoginCodeRecord.name.exists() & (LoginCodeRecord.tries < MOST_TRIES)
    try:
        record.update([LoginCodeRecord.tries.add(1)], known & (LoginCodeRecord.until > clock.now()))
    except UpdateError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        raise WrongSecret("no such code") from error
    if not hmac.compare_digest(record.hash, hashed(record.name + code)):
        raise WrongSecret("another code")
    return record


def spend(change: Transaction, proved: LoginCodeRecord) -> None:
    """Let the change end the code, and fail with WrongSecret where it has ended."""
    good = (LoginCodeRecord.hash == proved.hash) & (LoginCodeRecord.until > clock.now())
    change.delete(LoginCodeRecord(proved.name), good, WrongSecret("used"))


def _name(application: str, login: str) -> str:
    return f"login#{application}#{hashed(login)}"
