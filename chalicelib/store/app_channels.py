"""Apps' long connections. Items of the table `users` (`store/users.py`):

    key                 what
    <channel> #channel  a channel, in a collection of its own: an app's certificate, and whose it is now
    <person> C          the channels that a person is bound to, with the client that is connected

Both sides of a binding are written together.
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .users import UserItem

CHANNEL = "#channel"
CHANNELS = "C"


class AppChannelRecord(UserItem, discriminator="app_channel"):
    tenant = UnicodeAttribute()
    application = UnicodeAttribute()
    product_key = UnicodeAttribute()  # what its topics carry before its id
    secret = UnicodeAttribute()  # encrypted
    created = NumberAttribute()  # ms
    person = UnicodeAttribute(null=True)  # who is bound to it


class AppChannelsRecord(UserItem, discriminator="app_channels"):
    document = UnicodeAttribute()  # JSON text
    version = NumberAttribute()
