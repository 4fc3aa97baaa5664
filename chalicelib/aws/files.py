"""Version packages as objects of a private bucket: uploaded once, downloaded by signed URLs."""

import base64
from typing import BinaryIO

from ..settings import settings
from .clients import client

KIND = "application/octet-stream"


def put(key: str, source: BinaryIO, sha256: bytes) -> None:
    """Upload what `source` holds, streamed; S3 refuses it where it is not of this digest. One AWS call."""
    client("s3").put_object(
        Bucket=settings().packages,
        Key=key,
        Body=source,
        ChecksumSHA256=base64.b64encode(sha256).decode(),
        ContentType=KIND,
    )


def delete(key: str) -> None:
    """Nothing happens where it is gone already. One AWS call."""
    client("s3").delete_object(Bucket=settings().packages, Key=key)


def signed_upload(key: str, size: int, sha256: bytes, lasts: int) -> tuple[str, dict[str, str]]:
    """A URL that anybody may put the object by, for `lasts` s, and the headers to send with it: S3 takes what
    is of this size and digest only. No AWS call.
    """
    digest = base64.b64encode(sha256).decode()
    place = {
        "Bucket": settings().packages,
        "Key": key,
        "ContentLength": size,
        "ContentType": KIND,
        "ChecksumSHA256": digest,
    }
    url: str = client("s3").generate_presigned_url("put_object", Params=place, ExpiresIn=lasts)
    headers = {"Content-Length": str(size), "Content-Type": KIND, "x-amz-checksum-sha256": digest}
    return url, headers


def signed_form(key: str, size: int, kind: str, lasts: int) -> tuple[str, dict[str, str]]:
    """A URL and the fields of a form by which anybody may post the object, for `lasts` s: S3 takes what is of
    this size and of a media type that begins with `kind`. No AWS call.
    """
    conditions = [["content-length-range", size, size], ["starts-with", "$Content-Type", kind]]
    form = client("s3").generate_presigned_post(
        settings().packages, key, Conditions=conditions, ExpiresIn=lasts
    )
    return str(form["url"]), {str(name): str(value) for name, value in form["fields"].items()}


def stored(key: str) -> tuple[int, bytes | None] | None:
    """Size and, where S3 knows it, SHA-256 of an object; None where there is none. One AWS call."""
    s3 = client("s3")
    try:
        found = s3.head_object(Bucket=settings().packages, Key=key, ChecksumMode="ENABLED")
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return None
    digest = found.get("ChecksumSHA256")
    return int(found["ContentLength"]), base64.b64decode(digest) if digest else None


def signed_url(key: str, lasts: int) -> str:
    """A URL that anybody may download the object by, for `lasts` s. No AWS call."""
    place = {"Bucket": settings().packages, "Key": key}
    url: str = client("s3").generate_presigned_url("get_object", Params=place, ExpiresIn=lasts)
    return url
