"""Make this process forget what it has cached, as a fresh Lambda would."""


def forget_everything() -> None:
    from chalicelib.aws import clients
    from chalicelib.core import authority, devices, flow, heard, links, products, tokens
    from chalicelib.store import base

    clients.client.cache_clear()
    clients._session.cache_clear()
    base.connection.cache_clear()
    tokens.forget()
    flow.forget()
    authority.forget()
    products.forget()
    devices.forget()
    links.forget()
    heard.forget()
