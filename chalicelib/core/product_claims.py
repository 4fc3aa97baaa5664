"""What a caller says of the product whose devices it commands.

Source: CTWing (productId, MasterKey)
"""

import hmac

import msgspec

from . import products
from .errors import ProductNotFound, WrongSecret
from .products import Product


class Claim(msgspec.Struct, frozen=True):
    """The product's number, and its key where the caller shows one."""

    number: int
    key: str | None = None

    def check(self, product: Product) -> None:
        """Raises ProductNotFound where another product is meant, WrongSecret where the key is not its own."""
        if product.number != self.number:
            raise ProductNotFound(str(self.number))
        if self.key is None:
            return
        if not hmac.compare_digest(products.key_of(product).encode(), self.key.encode()):
            raise WrongSecret(str(self.number))
