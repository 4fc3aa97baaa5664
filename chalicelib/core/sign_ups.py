"""How people come: they register with a phone number or an e-mail address, and log in.

A registration takes a login code (`core/login_codes.py`), which shows that the phone or the mailbox is
the person's. A login takes the password, or a login code in its place, and gives a code that the app
exchanges for a session (`core/user_sessions.py`).

`address` is whom the request came from: failures are counted for it and the login together.

Source: Feiyan, published clients: login by OAuth
"""

from ..store.transactions import Transaction, accompanied
from . import attempts, login_codes, user_names, user_sessions, users
from .accounts import EMAIL
from .applications import Caller
from .errors import InvalidInput, ReceiverNotFound, WrongSecret
from .users import NewUser, User

KIND = "user"


def send_code(application: str, login: str, address: str, location_code: str | None = None) -> None:
    """To a phone number or an e-mail address, whether it is registered or not. Costs as `login_codes.send`.

    Raises InvalidInput, CodesNotSent, TooManyFailures.
    """
    spelled, _ = _contact(login, location_code)
    login_codes.send(application, spelled, address)


def register(
    caller: Caller,
    login: str,
    password: str | None,
    code: str,
    address: str,
    location_code: str | None = None,
    *,
    app_key: str | None = None,
) -> User:
    """A new person of the caller's application; the code ends with the registration. Three AWS calls.

    Raises InvalidInput, WrongSecret for the code, TooManyFailures, LoginTaken.
    """
    spelled, facts = _contact(login, location_code)
    new = NewUser(password=password, app_key=app_key, **facts)
    with attempts.limited(KIND, f"{caller.owner}#{spelled}", address):
        proved = login_codes.prove(caller.owner, spelled, code)
        with accompanied(lambda change: login_codes.spend(change, proved)):
            return users.create(caller, new)


def auth_code(
    application: str,
    login: str,
    address: str,
    *,
    password: str | None = None,
    code: str | None = None,
    location_code: str | None = None,
) -> str:
    """Log in with the password, or else with a login code: the code that `user_sessions.exchange` takes.

    Four AWS calls, five with a login code. Raises WrongSecret, TooManyFailures.
    """
    with attempts.limited(KIND, f"{application}#{_spelled(login, location_code)}", address):
        change = Transaction()
        if password is not None:
            user = users.verify(application, login, password, location_code)
        else:
            proved = login_codes.prove(application, _spelled(login, location_code), code or "")
            login_codes.spend(change, proved)
            try:
                user = users.find_by_login(application, login, location_code)
            except ReceiverNotFound as error:
                raise WrongSecret(login) from error
        return user_sessions.auth_code(user, change)


def _contact(login: str, location_code: str | None) -> tuple[str, dict[str, str]]:
    """The spelling that is compared, and the facts of a person with it. Raises InvalidInput."""
    spelled = user_names.normalized(login, location_code)
    if EMAIL.fullmatch(spelled):
        return spelled, {"email": spelled}
    country = "+" + (location_code or user_names.LOCATION_CODE).lstrip("+0")
    number = spelled.removeprefix(country)
    if number == spelled or not user_names.NUMBER.fullmatch(number):
        raise InvalidInput("login", f"is no e-mail address and no phone number of {country}")
    return spelled, {"phone": number, "location_code": country[1:]}


def _spelled(login: str, location_code: str | None) -> str:
    try:
        return user_names.normalized(login, location_code)
    except InvalidInput:
        return login
