"""What an operator may meet, as one line each.

Core's own errors become lines here, too; what is in neither tree is a defect and keeps its traceback.
"""

import re
from collections.abc import Callable

from infra.local.errors import LocalCloudError


class AdminError(Exception):
    """One line that says what is wrong and what to do about it."""


class NoCloud(AdminError):
    """It is not said which cloud is meant, or the local one does not run."""


class Unreadable(AdminError):
    """A file that was named cannot be used."""


def explained(error: Exception) -> str | None:
    """The line for an expected error, None for a defect."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    from chalicelib.core.errors import PolythingError
    from chalicelib.store.transactions import StoreError

    kinds: list[tuple[type[Exception], Callable[[Exception], str]]] = [
        (AdminError, str),
        (LocalCloudError, str),
        (PolythingError, _of_core),
        (StoreError, lambda error: f"the store did not take the change: {error}"),
        (PynamoDBException, _of_aws),
        (ClientError, _of_aws),
        (BotoCoreError, _of_aws),
    ]
    found = next((explain for kind, explain in kinds if isinstance(error, kind)), None)
    return " ".join(found(error).split()) if found else None


def _of_core(error: Exception) -> str:
    from chalicelib.core.errors import InvalidInput

    if isinstance(error, InvalidInput):
        return str(error)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{words}: {error}" if str(error) else words


def _of_aws(error: Exception) -> str:
    from chalicelib.settings import settings

    code = getattr(error, "cause_response_code", None) or getattr(error, "response", {}).get("Error", {}).get(
        "Code"
    )
    if code == "ResourceNotFoundException" or "ResourceNotFoundException" in str(error):
        return (
            f"there are no tables named {settings().prefix}-… in {settings().region}: "
            "check POLYTHING_PREFIX, AWS_REGION and that the data stack is deployed"
        )
    return f"AWS: {error}"
