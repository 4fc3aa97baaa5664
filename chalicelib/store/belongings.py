"""What belongs to a person alone. Items of a person's collection (`store/users.py`):

item            what
L#<system>      an account in another system, linked to the person
V               how many virtual users there are
V#<id>          a virtual user: somebody the person knows, without a login
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .users import UserItem

PARTNER = "L#"
VIRTUAL_COUNT = "V"
VIRTUAL = "V#"


class PartnerRecord(UserItem, discriminator="partner"):
    account = UnicodeAttribute()  # its id there
    bound = NumberAttribute()  # ms


class VirtualCountRecord(UserItem, discriminator="virtual_count"):
    total = NumberAttribute()


class VirtualRecord(UserItem, discriminator="virtual"):
    attributes = UnicodeAttribute()  # JSON text: name to value, in order
    created = NumberAttribute()  # ms
    version = NumberAttribute()
