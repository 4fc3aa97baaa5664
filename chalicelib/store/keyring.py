"""The keyring, as it is changed; `aws/keyring.py` reads it, and says what it holds."""

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class KeyringRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("keyring")

    version = UnicodeAttribute(hash_key=True)  # that of the first: there is one item
    wrapped = BinaryAttribute(legacy_encoding=False, null=True)  # the first data key
    ring = UnicodeAttribute(null=True)  # JSON text
    edition = NumberAttribute(null=True)  # how often it was changed
