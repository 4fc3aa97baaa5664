"""Members of a tenant who log in with a name and a password. Login names are aliases."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from .base import Record, TableMeta, table_name


class AccountsByTenant(GlobalSecondaryIndex["AccountRecord"]):
    class Meta:
        index_name = "by_tenant"
        projection = AllProjection()

    tenant = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class AccountRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("accounts")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    application = UnicodeAttribute()
    listing = UnicodeAttribute()
    login = UnicodeAttribute()
    password = UnicodeAttribute()  # hashed, see core/passwords.py
    version = NumberAttribute()  # of the password
    created = NumberAttribute()

    by_tenant = AccountsByTenant()
