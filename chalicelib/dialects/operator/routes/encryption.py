"""The data keys that encrypt secrets: their versions, rotation, retirement."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ....core import errors as core
from ....core import key_versions
from ....web.operations import Call
from .. import declaring
from ..declaring import DESTROY, SECRETS, WRITE
from ..schema import Destroyed, Destroying, Wire, time_or_none
from .callbacks import JobShown
from .callbacks import shown as job_shown

Version = Annotated[str, Meta(pattern="^[1-9][0-9]{0,8}$", examples=["2"])]


class VersionPath(Wire, frozen=True):
    version: Version


class Counting(Wire, frozen=True):
    """`dryRun`: begin to count what a rotation would encrypt anew, and change nothing."""

    dry_run: bool = False


class VersionShown(Wire, frozen=True, kw_only=True):
    """The current one encrypts, each decrypts. `secrets` as they were counted last; `made` is not known of
    the first.
    """

    version: int
    current: bool
    made: datetime | None = None
    secrets: int | None = None


class EncryptionShown(Wire, frozen=True, kw_only=True):
    """`counted` is when the last count began, `unreadable` how many secrets no key decrypts, `rotation` the
    job of the last rotation.
    """

    versions: list[VersionShown]
    counted: datetime | None = None
    unreadable: int = 0
    rotation: str | None = None


@declaring.get("/encryption")
def get_encryption(call: Call[None, None, None]) -> EncryptionShown:
    """Show the versions of the data key, and how many secrets stood under each when they were counted."""
    held = key_versions.show()
    return EncryptionShown(
        versions=[
            VersionShown(
                version=each.version,
                current=each.current,
                made=time_or_none(each.made),
                secrets=each.secrets,
            )
            for each in held.versions
        ],
        counted=time_or_none(held.counted),
        unreadable=held.unreadable,
        rotation=held.job,
    )


@declaring.post(
    "/encryption/rotations",
    scopes=(WRITE, SECRETS),
    action="encryption.rotate",
    makes=True,
    status=202,
    raises=(core.NoMasterKey, core.Busy),
)
def rotate_keys(call: Call[None, Counting, None]) -> JobShown:
    """Make a new data key and begin to encrypt every stored secret anew under it.

    While a rotation runs, its job is answered and no other key is made.
    """
    return job_shown(key_versions.count() if call.query.dry_run else key_versions.rotate())


@declaring.delete(
    "/encryption/versions/{version}",
    scopes=(DESTROY,),
    action="encryption.retire",
    raises=(core.KeyVersionNotFound, core.KeyVersionInUse, core.Busy),
)
def retire_key_version(call: Call[VersionPath, Destroying, None]) -> Destroyed:
    """Destroy an older data key for good; refused while a secret may stand under it.

    Backups from before the rotation cannot be read without it.
    """
    version = int(call.path.version)
    if call.query.dry_run:
        key_versions.check(version)
    else:
        key_versions.retire(version)
    return Destroyed("key version", str(version), str(version), call.query.dry_run)
