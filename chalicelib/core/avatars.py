"""Pictures of people, one each, in the bucket of the version packages.

A person's app uploads it by a signed form, which takes one image of the announced size, at the person's
own place, for a few minutes; what was there is replaced. The bucket is private: whoever is shown the person
gets a URL that is signed for an hour. A picture that stands elsewhere is shown by the URL that was given.

Source: Feiyan 6.2.5
"""

import msgspec

from ..aws import files
from . import clock
from .errors import InvalidInput
from .users import Person, User

MOST_BYTES = 10 * 1024 * 1024
UPLOAD_LASTS = 10 * clock.MINUTE
SHOWN_FOR = clock.HOUR
KIND = "image/"  # media types that are taken begin so


class Upload(msgspec.Struct, frozen=True):
    """POST to `url` a form of `fields`, `Content-Type` and, last, `file`, before `expires` (ms). `url` with
    `key` behind it is then the picture's address.
    """

    url: str
    key: str
    fields: dict[str, str]
    expires: int

    @property
    def address(self) -> str:
        return f"{self.url.rstrip('/')}/{self.key}"


def key_of(application: str, user: str) -> str:
    return f"avatars/{application}/{user}"


def upload(person: Person, size: int) -> Upload:
    """For a picture of `size` bytes. No AWS call. Raises InvalidInput."""
    if not 1 <= size <= MOST_BYTES:
        raise InvalidInput("fileSize", f"must be 1 to {MOST_BYTES} bytes")
    key = key_of(person.owner, person.user)
    url, fields = files.signed_form(key, size, KIND, UPLOAD_LASTS // clock.SECOND)
    return Upload(url, key, fields, clock.now() + UPLOAD_LASTS)


def shown(user: User) -> str | None:
    """Where others find the picture. No AWS call."""
    key = key_of(user.owner, user.user)
    if user.avatar and user.avatar.partition("?")[0].endswith(f"/{key}"):
        return files.signed_url(key, SHOWN_FOR // clock.SECOND)
    return user.avatar


def delete(user: User) -> None:
    """With the person. One AWS call."""
    files.delete(key_of(user.owner, user.user))
