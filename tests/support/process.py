"""Make this process forget what it has cached, as a fresh Lambda would."""

from botocore.loaders import Loader

_MODELS = Loader()  # parsing the services' descriptions again would cost each test a tenth of a second


def forget_everything() -> None:
    """All but the connection to DynamoDB, which holds nothing of a test's."""
    from chalicelib.aws import clients, encryption
    from chalicelib.core import (
        accounts,
        authority,
        devices,
        flow,
        heard,
        keys,
        links,
        operators,
        products,
        rules,
        tokens,
        users,
    )

    clients.client.cache_clear()
    clients._session.cache_clear()
    clients._session().register_component("data_loader", _MODELS)
    encryption.forget()
    tokens.forget()
    flow.forget()
    authority.forget()
    keys.forget()
    accounts.forget()
    operators.forget()
    users.forget()
    products.forget()
    rules.forget()
    devices.forget()
    links.forget()
    heard.forget()
