"""What a device proves itself with.

`secret` keys the HMAC of the MQTT password: the secret of a device registered with one, the
verify code of a device registered with a code or given a new one since. Secrets are encrypted,
a verify code's uniqueness is kept by an alias of its hash.
"""

import hashlib
import secrets

from ..aws import encryption
from ..store.devices import CREDENTIALS, CredentialsRecord
from ..store.products import AliasRecord
from ..store.transactions import Transaction
from .errors import BadVerifyCode

SECRET_BYTES = 10  # 20 hex digits
PSK_BYTES = 16
CODE_BYTES = 8
CODE_KIND = "code"
EVERYWHERE = "*"  # verify codes are unique over all tenants


def new_secret() -> str:
    return secrets.token_hex(SECRET_BYTES)


def new_psk() -> str:
    return secrets.token_hex(PSK_BYTES)


def new_code() -> str:
    return secrets.token_hex(CODE_BYTES)


def record(
    tenant: str, device: str, node_id: str, secret: str, psk: str, code: str | None, *, gateway: bool
) -> CredentialsRecord:
    return CredentialsRecord(
        device,
        CREDENTIALS,
        tenant=tenant,
        node_id=node_id,
        secret=encryption.encrypt(secret, tenant, device, "secret"),
        psk=encryption.encrypt(psk, tenant, device, "psk"),
        verify_hash=code_hash(code) if code else None,
        for_children=gateway,
    )


def secret_of(held: CredentialsRecord) -> str:
    """What the device proves itself with; "" where it has nothing."""
    return encryption.decrypt(held.secret, held.tenant, held.device, "secret") if held.secret else ""


def code_hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def code_alias(code: str, device: str) -> AliasRecord:
    return AliasRecord(f"{CODE_KIND}#{code_hash(code)}", EVERYWHERE, target=device)


def claim_code(change: Transaction, code: str, device: str) -> None:
    """Fails with BadVerifyCode where another device has it."""
    free = AliasRecord.name.does_not_exist() | (AliasRecord.target == device)
    change.put(code_alias(code, device), free, BadVerifyCode("verifyCode", "is taken by another device"))


def release_code(change: Transaction, verify_hash: str, device: str) -> None:
    alias = AliasRecord(f"{CODE_KIND}#{verify_hash}", EVERYWHERE, target=device)
    change.delete(alias)


def amend(
    change: Transaction, tenant: str, device: str, psk: str | None = None, gateway: bool | None = None
) -> None:
    """Add a new psk, and whether the device may publish for children, to the change; None leaves one."""
    actions = []
    if psk is not None:
        actions.append(CredentialsRecord.psk.set(encryption.encrypt(psk, tenant, device, "psk")))
    if gateway is not None:
        actions.append(CredentialsRecord.for_children.set(gateway))
    if actions:
        change.update(CredentialsRecord(device, CREDENTIALS), actions)
