"""The key under which a network's password goes to a device through the air.

The device makes the same one: the first 16 bytes of the SHA-256 of a secret it was made with, a comma and the
random bytes that it has drawn. It says nothing of the secret.

Source: Feiyan 6.9.6
"""

import hashlib
from enum import Enum

from ..store.devices import CREDENTIALS, CredentialsRecord
from . import credentials, products, provisioning
from .applications import Caller
from .errors import DeviceNotFound, InvalidInput

RANDOM = 16  # bytes


class Secret(Enum):
    PRODUCT = "product"
    DEVICE = "device"


def derive(
    caller: Caller, product: str, name: str | None, random: str, secret: Secret, address: str | None = None
) -> str:
    """32 hex digits. `product` is a short id, `random` hex digits; `address` of a device that is spoken to by
    Bluetooth, is part of what is hashed.

    Two AWS calls at most with the product's secret, three with the device's. Raises ProductNotFound,
    DeviceNotFound, InvalidInput.
    """
    try:
        drawn = bytes.fromhex(random)
    except ValueError:
        drawn = b""
    if len(drawn) != RANDOM:
        raise InvalidInput("random", f"must be {2 * RANDOM} hex digits")
    if secret is Secret.PRODUCT:
        text = products.key_of(products.find_by_short_id(caller.tenant, product))
    else:
        device = provisioning.find(caller, product, name or "").device
        held = CredentialsRecord.find(device, CREDENTIALS)
        if held is None:
            raise DeviceNotFound(device)
        text = credentials.secret_of(held)
    parts = (text.encode(), drawn) if address is None else (drawn, address.encode(), text.encode())
    return hashlib.sha256(b",".join(parts)).hexdigest()[: 2 * RANDOM]
