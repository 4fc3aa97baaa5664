"""Password hashes: what is in the text, and that older ones stay readable."""

import base64
import hashlib

import pytest

from chalicelib.core import passwords
from chalicelib.core.errors import InvalidInput


def test_the_text_tells_how_it_was_made() -> None:
    text = passwords.hashed("correct horse")
    name, n, r, p, salt, found = text.split("$")
    assert (name, int(n), int(r), int(p)) == ("scrypt", 16384, 8, 5)
    raw = base64.b64decode(salt)
    assert len(raw) == 16
    expected = hashlib.scrypt(b"correct horse", salt=raw, n=16384, r=8, p=5, maxmem=2**26, dklen=32)
    assert base64.b64decode(found) == expected


def test_the_same_password_hashes_otherwise_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)
    assert passwords.hashed("correct horse") != passwords.hashed("correct horse")


def test_hashes_of_another_strength_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 4)
    text = passwords.hashed("correct horse")
    monkeypatch.undo()
    assert passwords.matches("correct horse", text)
    assert not passwords.matches("correct house", text)


def test_one_password_typed_on_two_keyboards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)
    assert passwords.matches("cafe\u0301 noir", passwords.hashed("caf\u00e9 noir"))


def test_nobody_has_no_password() -> None:
    assert not passwords.matches("", None)
    assert not passwords.matches("correct horse", None)


@pytest.mark.parametrize("length", [0, 7, 257])
def test_its_length(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)
    with pytest.raises(InvalidInput, match="8 to 256"):
        passwords.hashed("x" * length)
    assert not passwords.matches("x" * length, passwords.hashed("x" * 256))
