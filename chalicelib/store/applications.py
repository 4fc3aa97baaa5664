"""Tenants and the programs that call for them."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from .base import Record, TableMeta, table_name

REALM = "tenants"  # all tenants are one listing


class TenantsByRealm(GlobalSecondaryIndex["TenantRecord"]):
    class Meta:
        index_name = "by_realm"
        projection = AllProjection()

    realm = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class TenantRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("tenants")

    id = UnicodeAttribute(hash_key=True)
    realm = UnicodeAttribute(default=REALM)
    listing = UnicodeAttribute()
    name = UnicodeAttribute()
    created = NumberAttribute()

    by_realm = TenantsByRealm()


class ApplicationsByTenant(GlobalSecondaryIndex["ApplicationRecord"]):
    class Meta:
        index_name = "by_tenant"
        projection = AllProjection()

    tenant = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class ApplicationRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("applications")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    listing = UnicodeAttribute()
    name = UnicodeAttribute()
    secret_hash = UnicodeAttribute()
    created = NumberAttribute()
    rate = NumberAttribute(null=True)  # calls a minute, where an operator has set it

    by_tenant = ApplicationsByTenant()


class AuthorizationRecord(Record):
    """`grantee` may act for `owner`."""

    class Meta(TableMeta):
        table_name = table_name("authorizations")

    owner = UnicodeAttribute(hash_key=True)
    grantee = UnicodeAttribute(range_key=True)
    tenant = UnicodeAttribute()  # the owner's
    created = NumberAttribute()
