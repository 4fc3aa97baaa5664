"""The parser of Alink logins: whatever comes in, nothing that is special to a policy or a topic gets out."""

import hashlib
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dialects.feiyan import login

PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,100}")
IDENT = st.text("abcXYZ019._:&@-", min_size=1, max_size=40)
NAME = st.text("abcXYZ019._:-", min_size=1, max_size=100)
KEY = st.text("abcXYZ019", min_size=10, max_size=10)
STAMP = st.none() | st.integers(0, 10**18).map(str)
SPICE = st.text("ab|&=,*?+#/${}%\n\x00é securemode2signethodhacsh156timp", max_size=160)


@given(SPICE, SPICE, st.text(max_size=70))
def test_nothing_special_gets_through(client: str, user: str, password: str) -> None:
    made = login.claim(client, user, password)
    if made is not None:
        assert PLAIN.fullmatch(made.node or made.channel or "")
        assert not re.search(r"[*?#$/\s]", made.client)
        assert len(made.client.encode()) <= login.LONGEST_CLIENT_ID
        assert not made.proves("secret")


@given(IDENT, NAME, KEY, STAMP, st.sampled_from(["hmacsha1", "hmacsha256"]), st.permutations(range(4)))
def test_a_good_login_is_understood(
    ident: str, name: str, key: str, stamp: str | None, method: str, order: list[int]
) -> None:
    facts = ["securemode=2", f"signmethod={method}", "_v=sdk", f"timestamp={stamp}"]
    if stamp is None:
        facts[3] = "ext=1"
    client = f"{ident}|{','.join(facts[at] for at in order)}|"
    text = f"clientId{ident}deviceName{name}productKey{key}" + (f"timestamp{stamp}" if stamp else "")
    digest = {"hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}[method]
    password = hmac.new(b"s", text.encode(), digest).hexdigest()
    made = login.claim(client, f"{name}&{key}", password)
    if len(client) > login.LONGEST_CLIENT_ID:
        assert made is None
        return
    assert made is not None
    assert (made.node, made.product, made.client) == (name, key, client)
    assert made.proves("s")
    assert not made.proves("t")


@given(IDENT, IDENT, NAME, NAME)
def test_a_signature_is_of_one_device_alone(one: str, other: str, name: str, another: str) -> None:
    """What is signed has no separators, yet the password of one name fits no other within a product."""
    key = "a1B2c3D4e5"

    def claimed(ident: str, device: str, password: str) -> bool:
        made = login.claim(f"{ident}|securemode=2,signmethod=hmacsha256|", f"{device}&{key}", password)
        return made is not None and made.proves("s")

    text = f"clientId{one}deviceName{name}productKey{key}"
    password = hmac.new(b"s", text.encode(), hashlib.sha256).hexdigest()
    assert claimed(one, name, password)
    same = f"{other}deviceName{another}" == f"{one}deviceName{name}"
    assert claimed(other, another, password) is same
