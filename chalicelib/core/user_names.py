"""How people of an application are named: phone number, e-mail address, a name of their choice, and the id
of another system. Each is an alias, which only one person of the application has.

Source: Feiyan 6.3, 7.4
"""

import re
import unicodedata
from typing import Any

from ..store.products import AliasRecord
from ..store.transactions import Transaction
from .accounts import EMAIL, LONGEST, READABLE
from .errors import InvalidInput, LoginTaken

LOGIN_KIND, OPEN_ID_KIND = "user-login", "user-openid"  # aliases, scope: the application
LOCATION_CODE = "86"  # of a phone number without one
NUMBER = re.compile(r"[0-9]{4,15}")
CODE = re.compile(r"[0-9]{1,4}")
CONTROL = re.compile(r"[\x00-\x20\x7f]")
LONGEST_TEXT = 1024  # characters of a fact of a profile


def normalized(login: str, location_code: str | None = None) -> str:
    """The spelling of a login that is compared: case and a phone number's punctuation do not count.

    Raises InvalidInput.
    """
    text = unicodedata.normalize("NFKC", login).strip().casefold()
    if len(text) <= LONGEST and EMAIL.fullmatch(text):
        return text
    number = text.translate(READABLE)
    international = number.startswith("+")
    if NUMBER.fullmatch(number.removeprefix("+")):
        code = (location_code or LOCATION_CODE).lstrip("+0")
        return number if international else f"+{code}{number}"
    if not text or len(text) > LONGEST or CONTROL.search(text):
        raise InvalidInput("login", "is no phone number, e-mail address or name")
    return text


def alias(application: str, name: str, user: str) -> AliasRecord:
    return AliasRecord(name, application, target=user)


def claim(wanted: Transaction, application: str, name: str, user: str) -> None:
    wanted.put(alias(application, name, user), AliasRecord.name.does_not_exist(), LoginTaken(name))


def names_of(values: dict[str, Any]) -> set[str]:
    """The aliases of a person with these facts."""
    names = {normalized(values[name]) for name in ("login", "email") if values.get(name)}
    if values.get("phone"):
        names.add(normalized(values["phone"], values.get("location_code")))
    found = {f"{LOGIN_KIND}#{name}" for name in names}
    if values.get("open_id"):
        found.add(f"{OPEN_ID_KIND}#{values['open_id']}")
    return found


def checked(given: dict[str, str | None]) -> dict[str, Any]:
    """The facts as they are stored; an empty one is none. Raises InvalidInput."""
    facts: dict[str, Any] = {name: value or None for name, value in given.items()}
    present = {name: value for name, value in facts.items() if value is not None}
    for name, value in present.items():
        if len(value) > LONGEST_TEXT:
            raise InvalidInput(name, f"must have at most {LONGEST_TEXT} characters")
    if "phone" in present:
        facts["phone"] = present["phone"].translate(READABLE)
        if not NUMBER.fullmatch(facts["phone"]):
            raise InvalidInput("phone", "is no phone number")
    if "location_code" in present:
        facts["location_code"] = present["location_code"].strip().lstrip("+0")
        if not CODE.fullmatch(facts["location_code"]):
            raise InvalidInput("locationCode", "is no country's code")
    if "email" in present and not EMAIL.fullmatch(present["email"]):
        raise InvalidInput("email", "is no e-mail address")
    for name in present.keys() & {"login", "email"}:
        normalized(present[name])
    return facts
