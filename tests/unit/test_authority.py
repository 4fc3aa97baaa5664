"""Acting for another application: who may, for how long, and at what cost."""

import pytest

from chalicelib.core import applications, authority, subscriptions
from chalicelib.core.applications import Caller
from chalicelib.core.errors import ApplicationNotFound, InvalidInput, NotAuthorized
from chalicelib.store.applications import AuthorizationRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

URL = "https://93.184.215.14:443/hook"


@pytest.fixture
def owner(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def grantee(owner: Fleet) -> str:
    """Another application of the same tenant."""
    return applications.create_application(owner.tenant, "helper")[0].id


def act(owner: Fleet, grantee: str) -> Caller:
    return authority.caller(owner.tenant, grantee, owner.application)


def test_an_application_acts_for_itself_without_any_aws_call(owner: Fleet, calls: Calls) -> None:
    for asked in (None, "", owner.application):
        assert authority.caller(owner.tenant, owner.application, asked) == owner.caller
    assert calls.made == []


def test_for_another_only_where_it_is_granted(owner: Fleet, grantee: str) -> None:
    with pytest.raises(NotAuthorized):
        act(owner, grantee)
    authority.grant(owner.application, grantee)
    assert act(owner, grantee) == Caller(owner.tenant, grantee, owner.application)
    with pytest.raises(NotAuthorized):  # not the other way round
        authority.caller(owner.tenant, owner.application, grantee)


def test_an_unknown_application_is_told_apart_from_a_forbidden_one(owner: Fleet, calls: Calls) -> None:
    for asked in ("f" * 32, "x", "y" * 5000, "*"):
        with pytest.raises(ApplicationNotFound):
            authority.caller(owner.tenant, owner.application, asked)
    assert len(calls.made) == 2  # only what may be an id is looked up


def test_a_grant_is_read_once_a_minute(owner: Fleet, grantee: str, calls: Calls, clock: FakeClock) -> None:
    authority.grant(owner.application, grantee)
    calls.clear()
    for _ in range(5):
        act(owner, grantee)
        clock.advance(10)
    assert calls.made == ["dynamodb.GetItem"]
    clock.advance(5)
    act(owner, grantee)
    assert len(calls.made) == 2


def test_a_revoked_grant_ends_here_at_once_and_elsewhere_within_a_minute(
    owner: Fleet, grantee: str, clock: FakeClock
) -> None:
    authority.grant(owner.application, grantee)
    act(owner, grantee)
    AuthorizationRecord(owner.application, grantee).delete()  # by another process
    act(owner, grantee)
    clock.advance(55)
    with pytest.raises(NotAuthorized):
        act(owner, grantee)
    authority.grant(owner.application, grantee)
    act(owner, grantee)  # a refusal is not kept
    authority.revoke(owner.application, grantee)
    with pytest.raises(NotAuthorized):
        act(owner, grantee)


def test_what_was_not_granted_cannot_be_revoked(owner: Fleet, grantee: str) -> None:
    with pytest.raises(NotAuthorized):
        authority.revoke(owner.application, grantee)


def test_across_tenants_only_where_the_operator_means_it(owner: Fleet) -> None:
    other = make_fleet("other")
    with pytest.raises(InvalidInput):
        authority.grant(owner.application, other.application)
    authority.grant(owner.application, other.application, across=True)
    found = authority.caller(other.tenant, other.application, owner.application)
    assert found == Caller(owner.tenant, other.application, owner.application)


def test_grants_that_make_no_sense(owner: Fleet, grantee: str) -> None:
    with pytest.raises(InvalidInput):
        authority.grant(owner.application, owner.application)
    for pair in ((owner.application, "f" * 32), ("f" * 32, grantee)):
        with pytest.raises(ApplicationNotFound):
            authority.grant(*pair)
    assert authority.list_grants(owner.application) == []


def test_granting_again_is_harmless_and_the_list_names_each_once(owner: Fleet, grantee: str) -> None:
    for _ in range(2):
        authority.grant(owner.application, grantee)
    assert [each.grantee for each in authority.list_grants(owner.application)] == [grantee]


def test_a_body_may_name_the_owner_too(owner: Fleet, grantee: str) -> None:
    authority.grant(owner.application, grantee)
    own = Caller(owner.tenant, grantee, grantee)
    both = act(owner, grantee)
    assert authority.acting(own, None) == own
    assert authority.acting(own, owner.application) == both
    assert authority.acting(both, None) == both
    assert authority.acting(both, owner.application) == both
    assert authority.acting(both, grantee) == own


def test_a_body_that_names_the_caller_leads_back_into_its_own_tenant(owner: Fleet) -> None:
    other = make_fleet("other")
    authority.grant(owner.application, other.application, across=True)
    acting = authority.caller(other.tenant, other.application, owner.application)
    assert authority.acting(acting, other.application) == other.caller


def test_no_subscription_is_made_by_one_that_was_revoked_a_moment_ago(owner: Fleet, grantee: str) -> None:
    authority.grant(owner.application, grantee)
    remembered = act(owner, grantee)
    AuthorizationRecord(owner.application, grantee).delete()
    with pytest.raises(NotAuthorized):
        subscriptions.create(remembered, "huawei", "deviceAdded", URL)
    assert subscriptions.targets(owner.application, "huawei", "deviceAdded") == []


def test_what_stays_when_the_maker_goes(owner: Fleet, grantee: str) -> None:
    authority.grant(owner.application, grantee)
    acting = act(owner, grantee)
    subscriptions.create(acting, "huawei", "deviceAdded", URL)
    subscriptions.create(owner.caller, "huawei", "deviceDeleted", URL)
    stays = subscriptions.create(acting, "huawei", "bindDevice", URL, owners=True)
    assert subscriptions.left_by(owner.application, grantee) == [stays]
    assert (stays.maker, stays.tied) == (grantee, False)
