"""Apps over their long connections: who is told on one.

    /sys/{productKey}/{deviceName}/app/up/account/bind      {params: {iotToken}}
    /sys/{productKey}/{deviceName}/app/up/account/unbind

Answered on `…/app/down/account/bind_reply` and `…/unbind_reply`.

Source: Feiyan 6.1.2
"""

from typing import Any

import msgspec

from ...core import app_channels
from ...core.downlink import Message
from ...core.errors import InvalidToken
from ...core.links import Session
from ...metrics import count
from . import alink
from .alink import Refused
from .dictionary import DICTIONARY

BAD_TOKEN = 2043
OK = 200


def handle(session: Session, topic: str, payload: bytes, at: int, message: str) -> bool:
    """One message of an app's session; False where it is none of the channel's own."""
    own = f"/sys/{session.topic_id}/app"
    kind = topic.removeprefix(f"{own}/up/account/")
    if kind not in ("bind", "unbind"):
        return False
    ident, code = "", OK
    try:
        read = alink.read(payload)
        ident = read.ident
        if kind == "unbind":
            app_channels.unbind(session)
        else:
            app_channels.bind(session, _token(read.params))
    except InvalidToken:
        code = BAD_TOKEN
    except Refused as refused:
        count("DeviceMessageRefused", reason=str(refused))
        code = alink.BAD_REQUEST
    said = "success" if code == OK else DICTIONARY[code].english
    body = {"id": ident, "code": code, "message": said}
    alink.tell(session, Message(f"{own}/down/account/{kind}_reply", msgspec.json.encode(body)))
    return True


def _token(params: Any) -> str:
    """Raises InvalidToken."""
    token = params.get("iotToken") if isinstance(params, dict) else None
    if not isinstance(token, str):
        raise InvalidToken("no token")
    return token
