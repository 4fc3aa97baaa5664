"""The demo tenant over restarts: kept, or made again as far as it was lost."""

from typing import Any

import pytest

from chalicelib.core import accounts, applications, keys, products, users
from chalicelib.store.products import ProductRecord
from infra.local.errors import StateUnusable
from infra.local.provision import provision
from infra.local.seed import RATE, credentials


def secrets(found: dict[str, Any]) -> dict[str, str]:
    return {
        "application": found["huawei"]["secret"],
        "account": found["xlink"]["password"],
        "access key": found["xlink"]["accessKeySecret"],
        "app key": found["ctwing"]["appSecret"],
        "feiyan key": found["feiyan"]["appSecret"],
        **{each["loginId"]: each["password"] for each in found["feiyan"]["people"]},
    }


@pytest.mark.usefixtures("aws")
def test_what_works_is_kept() -> None:
    first = credentials({})
    assert credentials(first) == first
    application = applications.verify(first["huawei"]["appId"], first["huawei"]["secret"])
    assert application.rate == RATE
    product = products.get(application.tenant, first["huawei"]["productId"])
    assert product.manufacturer_id == "PolythingDemo"


@pytest.mark.usefixtures("aws")
def test_all_dialects_lead_to_one_application_and_one_product() -> None:
    found = credentials({})
    huawei, xlink, shadow, ctwing = (found[name] for name in ("huawei", "xlink", "shadow", "ctwing"))
    application = huawei["appId"]
    assert accounts.verify(xlink["account"], xlink["password"]).application == application
    assert keys.verify(xlink["accessKeyId"], xlink["accessKeySecret"]).application == application
    assert keys.verify(ctwing["appKey"], ctwing["appSecret"]).application == application
    feiyan = found["feiyan"]
    assert (
        keys.verify(feiyan["appKey"], feiyan["appSecret"]).application == feiyan["projectId"] == application
    )
    for each in feiyan["people"]:
        assert users.verify(application, each["loginId"], each["password"]).id == each["identityId"]
    assert feiyan["productKey"] == shadow["productId"]
    assert (shadow["key"], shadow["secret"]) == (application, huawei["secret"])
    tenant = applications.find(application).tenant
    product = products.get(tenant, huawei["productId"])
    assert products.get(tenant, xlink["productId"]) == product
    assert products.find_by_short_id(tenant, shadow["productId"]) == product
    assert products.find_by_number(tenant, ctwing["productId"]) == product
    assert products.key_of(product) == ctwing["masterKey"]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "kept", [{}, {"huawei": {"appId": "f" * 32, "secret": "x", "productId": "y"}, "xlink": 7, "ctwing": {}}]
)
def test_a_lost_file_gives_the_same_application_new_secrets(kept: dict[str, Any]) -> None:
    first = credentials({})
    second = credentials(kept)
    old, new = secrets(first), secrets(second)
    assert {name for name in old if old[name] == new[name]} == set()
    for name in ("appId", "productId"):
        assert second["huawei"][name] == first["huawei"][name]
    assert second["ctwing"]["masterKey"] == first["ctwing"]["masterKey"]
    assert len(keys.list_keys(first["huawei"]["appId"])) == 3, "lost keys are revoked"
    assert credentials(second) == second


@pytest.mark.usefixtures("aws")
def test_a_product_of_an_older_version_asks_for_a_new_start() -> None:
    found = credentials({})
    ProductRecord(found["huawei"]["productId"]).update([ProductRecord.short_id.remove()])
    products.forget()
    with pytest.raises(StateUnusable, match="--reset"):
        credentials(found)


@pytest.mark.usefixtures("clock")
def test_lost_tables_make_everything_anew() -> None:
    from moto import mock_aws

    from tests.support.process import forget_everything

    def life(kept: dict[str, Any]) -> dict[str, Any]:
        with mock_aws():
            forget_everything()
            provision("polything-test")
            return credentials(kept)

    first = life({})
    second = life(first)
    forget_everything()
    assert not set(first["huawei"].values()) & set(second["huawei"].values())
    assert first["ctwing"] != second["ctwing"]
