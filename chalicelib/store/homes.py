"""Homes, in the item collection of the person they belong to (`store/users.py`).

    item        what
    H           which homes there are, their names, and which is the current one
    H#<home>    what is in one home: its rooms, control groups and devices

A person's bindings and homes are one query: from `B` up to, not including, `I`.
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .users import UserItem

HOUSEHOLD = "H"
HOME = "H#"
AFTER_HOMES = "I"


class HouseholdRecord(UserItem, discriminator="household"):
    homes = UnicodeAttribute()  # JSON text: id, name and time of each, oldest first
    current = UnicodeAttribute()
    version = NumberAttribute()


class HomeRecord(UserItem, discriminator="home"):
    document = UnicodeAttribute()  # JSON text
    version = NumberAttribute()
