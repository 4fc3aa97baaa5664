"""Shares as they are stored, and what must hold between both sides of every one."""

import msgspec

from chalicelib.core import share_records
from chalicelib.core.share_records import Share
from chalicelib.store.shares import NoticeRecord
from chalicelib.store.users import UserItem


def stored() -> list[Share]:
    """Every share once, as the initiator has it, where both sides say the same."""
    sides: dict[str, list[Share]] = {}
    for item in UserItem.scan(consistent_read=True):
        if isinstance(item, NoticeRecord):
            share = share_records.share_of(item)
            assert item.user == (share.receiver if share.received else share.initiator)
            sides.setdefault(share.id, []).append(msgspec.structs.replace(share, received=False))
    for one, *others in sides.values():
        assert others == [one]
    return [each[0] for _, each in sorted(sides.items())]
