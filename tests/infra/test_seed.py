"""The demo tenant over restarts: kept, or made again as far as it was lost."""

from typing import Any

import pytest

from chalicelib.core import applications, products
from infra.local.provision import provision
from infra.local.seed import RATE, credentials


@pytest.mark.usefixtures("aws")
def test_what_works_is_kept() -> None:
    first = credentials({})
    assert set(first) == {"appId", "secret", "productId"}
    assert credentials(first) == first
    application = applications.verify(first["appId"], first["secret"])
    assert application.rate == RATE
    assert products.get(application.tenant, first["productId"]).manufacturer_id == "PolythingDemo"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("kept", [{}, {"appId": "f" * 32, "secret": "x", "productId": "y"}])
def test_a_lost_file_gives_the_same_application_a_new_secret(kept: dict[str, str]) -> None:
    first = credentials({})
    second = credentials(kept)
    assert second["secret"] != first["secret"]
    assert second == {**first, "secret": second["secret"]}
    assert applications.verify(second["appId"], second["secret"])


@pytest.mark.usefixtures("clock")
def test_lost_tables_make_everything_anew() -> None:
    from moto import mock_aws

    from tests.support.process import forget_everything

    def life(kept: dict[str, str]) -> dict[str, Any]:
        with mock_aws():
            forget_everything()
            provision("polything-test")
            return credentials(kept)

    first = life({})
    second = life(first)
    forget_everything()
    assert not set(first.values()) & set(second.values())
