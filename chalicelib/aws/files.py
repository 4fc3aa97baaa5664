"""Version packages as objects of a private bucket: uploaded once, downloaded by signed URLs."""

import base64
from typing import BinaryIO

from ..settings import settings
from .clients import client


def put(key: str, source: BinaryIO, sha256: bytes) -> None:
    """Upload what `source` holds, streamed; S3 refuses it where it is not of this digest. One AWS call."""
    client("s3").put_object(
        Bucket=settings().packages,
        Key=key,
        Body=source,
        ChecksumSHA256=base64.b64encode(sha256).decode(),
        ContentType="application/octet-stream",
    )


def delete(key: str) -> None:
    """Nothing happens where it is gone already. One AWS call."""
    client("s3").delete_object(Bucket=settings().packages, Key=key)


def signed_url(key: str, lasts: int) -> str:
    """A URL that anybody may download the object by, for `lasts` s. No AWS call."""
    place = {"Bucket": settings().packages, "Key": key}
    url: str = client("s3").generate_presigned_url("get_object", Params=place, ExpiresIn=lasts)
    return url
