"""Reads the files that an operator names: thing models, field layouts, rules of automations."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.admin.errors import Unreadable

if TYPE_CHECKING:
    from chalicelib.formats.huawei_profile import Profile
    from chalicelib.formats.models import Read

LONGEST = 8 * 1024 * 1024  # bytes; what is larger is no profile, whatever it is


def profile(path: Path) -> "Profile":
    """The profile in a zip, an unpacked folder or a JSON file. Raises Unreadable, InvalidInput."""
    from chalicelib.formats import huawei_profile as huawei

    if not path.is_dir():
        return huawei.read(_bytes(path))
    try:
        return huawei.read_directory(path)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error


def model(path: Path, kind: str) -> "Read":
    """A thing model, and what else its format says. Raises Unreadable, InvalidInput."""
    from chalicelib.formats import models
    from chalicelib.formats.models import Format, Read

    if Format(kind) is Format.HUAWEI:
        read = profile(path)
        return Read(read.things, read.facts)
    return models.read(Format(kind), _bytes(path))


def layout(path: Path) -> str:
    """The text of a layout; core checks what it says. Raises Unreadable."""
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is not UTF-8 text") from error


def rule(path: Path) -> bytes:
    """Core checks what it says. Raises Unreadable."""
    return _bytes(path)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(LONGEST)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
