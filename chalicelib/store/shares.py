"""What people share with each other. Items of a person's collection (`store/users.py`):

    item            what
    N               how far the person has cleared the list of notices
    N#<share>       a share, once with who offers it and once with whom it is offered to
    O#<device>      the newest offer of this device to the person

A share's id begins with that of its batch, so a batch is one query. Both sides of a share are written
together, always, and both say the same but for `received`.
"""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from .users import UserItem

BOOK = "N"
NOTICE = "N#"
OFFER = "O#"


class NoticeRecord(UserItem, discriminator="notice"):
    size = NumberAttribute()  # shares of the batch
    first = BooleanAttribute(null=True)  # of its batch
    received = BooleanAttribute()  # this is the side of whom it is offered to
    device = UnicodeAttribute()
    product = UnicodeAttribute()
    node_id = UnicodeAttribute()
    node_type = UnicodeAttribute()
    initiator = UnicodeAttribute()
    receiver = UnicodeAttribute()
    initiator_alias = UnicodeAttribute()
    receiver_alias = UnicodeAttribute()
    managed = NumberAttribute()  # ms since which the initiator has been bound to the device
    state = UnicodeAttribute()  # as it was written; core/share_records.py says what it is
    created = NumberAttribute()  # ms
    modified = NumberAttribute()  # ms
    until = NumberAttribute()  # ms
    ttl = NumberAttribute()


class BookRecord(UserItem, discriminator="notice_book"):
    cleared = NumberAttribute()  # ms: notices before are not listed


class OfferRecord(UserItem, discriminator="offer"):
    share = UnicodeAttribute()
    initiator = UnicodeAttribute()
    ttl = NumberAttribute()
