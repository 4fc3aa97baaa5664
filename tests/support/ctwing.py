"""Signatures as published CTWing clients make them: written after the document, not after the code."""

import base64
import hashlib
import hmac

PATH = "/aep_device_command_lwm_profile/commandLwm2mProfile"


def signature(secret: str, application: str, timestamp: str, params: dict[str, str], body: str) -> str:
    lines = [f"application:{application}\n", f"timestamp:{timestamp}\n"]
    lines += [f"{name}:{params[name]}\n" for name in sorted(params)]
    text = "".join(lines) + (body + "\n" if body else "")
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
