"""What a person has put on the phone's home screen, in the item collection of the person.

item        what
W           devices, and which of their properties
"""

from pynamodb.attributes import UnicodeAttribute

from .users import UserItem

WIDGETS = "W"


class WidgetsRecord(UserItem, discriminator="widgets"):
    document = UnicodeAttribute()  # JSON text
