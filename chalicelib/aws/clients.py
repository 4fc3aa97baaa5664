"""AWS clients, made on first use: creating one costs tens of milliseconds."""

from functools import cache
from typing import Any

from ..settings import settings

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 12
POOL = 32
ATTEMPTS = 4
ONCE = {"iot-data"}  # a message repeated by the SDK would reach the device twice: its callers decide

REGIONAL: Any = {"us_east_1_regional_endpoint": "regional"}  # signed URLs of the global one are redirected


@cache
def _session() -> Any:
    import botocore.session

    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """A botocore client; `AWS_ENDPOINT_URL_<SERVICE>` moves it."""
    from botocore.config import Config

    return _session().create_client(
        service,
        region_name=settings().region,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=POOL,
            signature_version="s3v4" if service == "s3" else None,
            s3=REGIONAL if service == "s3" else None,
            retries={"total_max_attempts": 1 if service in ONCE else ATTEMPTS, "mode": "standard"},
        ),
    )
