"""Version packages. Source: Huawei 1.12.1 to 1.12.3"""

from ....core import errors as core
from ....core import packages
from ....core.packages import Filter, Package, Type
from ....web.operations import Call
from ..api import api
from ..schema import required_time
from ..upgrade_faults import INPUT, PAGED, PageOutOfRange, check_page
from ..upgrade_schema import CategoryInfo, CategoryList, FileType, PackagePath, PackageQuery

BASE = "/iodm/northbound/v1.5.0/category"
TYPES = {FileType.SOFTWARE: Type.SOFTWARE, FileType.FIRMWARE: Type.FIRMWARE}
NAMES = {kind: name.value for name, kind in TYPES.items()}


@api.get(BASE, source="Huawei 1.12.1", raises=(PageOutOfRange, core.ListTooLong), faults=PAGED)
def list_packages(call: Call[None, PackageQuery, None]) -> CategoryList:
    """Version packages by page, newest first."""
    asked = call.query
    check_page(asked.page_no, asked.page_size)
    wanted = Filter(
        TYPES[asked.file_type] if asked.file_type else None,
        asked.device_type or None,
        asked.model or None,
        asked.manufacturer_name or asked.manufacture_name or None,
        asked.version or None,
    )
    page = packages.page(call.caller, wanted, asked.page_no, asked.page_size)
    return CategoryList([_info(each) for each in page.items], page.number, page.size, page.total)


@api.get(
    f"{BASE}/{{fileId}}",
    source="Huawei 1.12.2",
    raises=(core.PackageNotFound,),
    faults={core.InvalidInput: INPUT},
)
def query_package(call: Call[PackagePath, None, None]) -> CategoryInfo:
    """A version package."""
    return _info(packages.get(call.caller, call.path.file_id))


@api.delete(
    f"{BASE}/{{fileId}}",
    source="Huawei 1.12.3",
    raises=(core.PackageNotFound,),
    faults={core.InvalidInput: INPUT},
)
def delete_package(call: Call[PackagePath, None, None]) -> None:
    """Delete a version package. Devices that were not told of it yet are not upgraded to it any more."""
    packages.delete(call.caller, call.path.file_id)


def _info(package: Package) -> CategoryInfo:
    return CategoryInfo(
        file_id=package.id,
        name=package.name,
        version=package.version,
        file_type=NAMES[package.type],
        device_type=package.device_type,
        model=package.model,
        manufacturer_name=package.manufacturer_name,
        protocol_type=package.protocol_type,
        description=package.description,
        date=package.made,
        upload_time=required_time(package.uploaded),
    )
