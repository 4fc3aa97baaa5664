"""XLink's callers."""

from tests.support.fleet import Fleet
from tests.support.gateway import Gateway


def key_caller(fleet: Fleet) -> Gateway:
    """A program that has logged in with an access key of the fleet's application."""
    from chalicelib.core import keys

    key, secret = keys.create(fleet.application)
    gateway = Gateway()
    reply = gateway.post("/v2/accesskey_auth", {"id": key.id, "secret": secret})
    gateway.headers = {"Access-Token": reply.json["access_token"]}
    return gateway
