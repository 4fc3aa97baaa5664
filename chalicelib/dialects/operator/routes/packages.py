"""Version packages: uploaded by a signed URL, listed, deleted."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from ....core import applications, packages
from ....core import errors as core
from ....core.applications import Caller
from ....core.packages import NewPackage, Package
from ....core.packages import Type as PackageType
from ....web.operations import Call
from .. import declaring
from ..declaring import DESTROY, WRITE
from ..schema import ApplicationPath, Destroyed, Destroying, Id, PageQuery, Wire, time_of

Fact = Annotated[str, Meta(min_length=1, max_length=packages.LONGEST)]
Size = Annotated[int, Meta(ge=1, le=packages.MOST_BYTES, description="bytes")]
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
Digest = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hex", examples=[EMPTY])
]


class PackagePath(Wire, frozen=True):
    package_id: Id


class OfferedPath(Wire, frozen=True):
    application_id: Id
    package_id: Id


class PackageBody(Wire, frozen=True, kw_only=True):
    """`made` is a day. Only devices of this device type, model and manufacturer are upgraded."""

    type: PackageType
    name: Fact
    version: Fact
    device_type: Fact
    model: Fact
    manufacturer_name: Fact
    made: date
    size: Size
    sha256: Digest
    protocol_type: Fact | None = None
    description: Fact | None = None


class UploadShown(Wire, frozen=True):
    """PUT the file to `url` with these headers, then complete the package under `id`."""

    id: str
    url: str
    headers: dict[str, str]
    expires: datetime


class PackageShown(Wire, frozen=True, kw_only=True):
    id: str
    application_id: str
    type: str
    name: str
    version: str
    device_type: str
    model: str
    manufacturer_name: str
    made: str
    uploaded: datetime
    size: int
    sha256: str
    protocol_type: str | None = None
    description: str | None = None


class PackageList(Wire, frozen=True):
    """`total` is over all pages."""

    packages: list[PackageShown]
    total: int


@declaring.get("/applications/{applicationId}/packages", raises=(core.ApplicationNotFound,))
def list_packages(call: Call[ApplicationPath, PageQuery, None]) -> PackageList:
    """List an application's packages, newest first."""
    caller = applications.caller_for(call.path.application_id)
    found = packages.page(caller, packages.Filter(), call.query.page, call.query.limit)
    return PackageList([shown(each) for each in found.items], found.total)


@declaring.post(
    "/applications/{applicationId}/packages/uploads",
    scopes=(WRITE,),
    action="package.prepare",
    makes=True,
    raises=(core.ApplicationNotFound, core.InvalidInput, core.PackageExists),
)
def prepare_package(call: Call[ApplicationPath, None, PackageBody]) -> UploadShown:
    """Announce a package: answers where to put its file.

    The URL is good for an hour, and for a file of this size and SHA-256 only.
    """
    caller, body = applications.caller_for(call.path.application_id), call.body
    found = packages.prepare(caller, _new(body), body.size, bytes.fromhex(body.sha256))
    return UploadShown(found.id, found.url, found.headers, time_of(found.expires))


@declaring.put(
    "/applications/{applicationId}/packages/{packageId}",
    scopes=(WRITE,),
    action="package.upload",
    raises=(core.ApplicationNotFound, core.InvalidInput, core.UploadIncomplete, core.PackageExists),
)
def complete_package(call: Call[OfferedPath, None, PackageBody]) -> PackageShown:
    """Make the package whose file was put; the body is the announcement's. Harmless to repeat."""
    caller, body = applications.caller_for(call.path.application_id), call.body
    digest = bytes.fromhex(body.sha256)
    return shown(packages.complete(caller, call.path.package_id, _new(body), body.size, digest))


@declaring.get("/packages/{packageId}", raises=(core.PackageNotFound,))
def get_package(call: Call[PackagePath, None, None]) -> PackageShown:
    """Show a package."""
    return shown(packages.find(call.path.package_id))


@declaring.delete(
    "/packages/{packageId}",
    scopes=(DESTROY,),
    action="package.delete",
    whole=False,
    raises=(core.PackageNotFound,),
)
def delete_package(call: Call[PackagePath, Destroying, None]) -> Destroyed:
    """Delete a package and its file; devices that were not told of it yet are not upgraded to it."""
    found = packages.find(call.path.package_id)
    if not call.query.dry_run:
        packages.delete(Caller(found.tenant, found.owner, found.owner), found.id)
    return Destroyed("package", found.id, f"{found.name} {found.version}", call.query.dry_run)


def shown(found: Package) -> PackageShown:
    return PackageShown(
        id=found.id,
        application_id=found.owner,
        type=found.type.value,
        uploaded=time_of(found.uploaded),
        **{name: getattr(found, name) for name in NewPackage.__struct_fields__ if name != "type"},
        size=found.size,
        sha256=found.sha256,
    )


def _new(body: PackageBody) -> NewPackage:
    facts = {name: getattr(body, name) for name in NewPackage.__struct_fields__}
    return NewPackage(**facts | {"made": body.made.isoformat()})
