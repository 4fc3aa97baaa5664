"""Reads the files of a profile package: a zip, or the folder it was made from.

    profile/devicetype-capability.json
    service/<ServiceType>/profile/servicetype-capability.json

Both may lie below one common folder, as zip tools like to add. Packages come from strangers, so
nothing is written to disk and what is unpacked is counted, whatever the archive's directory says.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ..core.errors import InvalidInput

MAX_PACKAGE = 1024 * 1024  # bytes of a zip or a JSON file as uploaded
MAX_UNPACKED = 4 * 1024 * 1024  # bytes of all files read
MAX_ENTRIES = 1000
ZIP_MAGIC = b"PK"
DEVICE_FILE = "profile/devicetype-capability.json"

_SERVICE_FILE = re.compile(r"service/[^/]+/profile/servicetype-capability\.json")
_ENCRYPTED = 0x1
# what zipfile raises of damaged archives, offsets and lengths in them included
_UNSOUND = (BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, NotImplementedError)


def unzip(data: bytes) -> dict[str, bytes]:
    """The profile files of a zip, by their path in the package; other files are left out.

    Raises InvalidInput where the archive is broken, too large or names files outside itself.
    """
    if len(data) > MAX_PACKAGE:
        raise InvalidInput("package", f"is larger than {MAX_PACKAGE} bytes")
    try:
        with ZipFile(BytesIO(data)) as archive:
            return _read_entries(archive)
    except _UNSOUND as error:
        raise InvalidInput("package", f"is not a sound zip: {error}") from error


def read_folder(folder: Path) -> dict[str, bytes]:
    """The profile files of an unpacked package, by their path in it. Raises InvalidInput, OSError."""
    files: dict[str, bytes] = {}
    for path in (folder / DEVICE_FILE, *sorted(folder.glob("service/*/profile/servicetype-capability.json"))):
        if path.is_file():
            with path.open("rb") as source:
                files[path.relative_to(folder).as_posix()] = _bounded(source.read(MAX_PACKAGE + 1))
    if DEVICE_FILE not in files:
        raise InvalidInput(DEVICE_FILE, "is missing", missing=True)
    return files


def _read_entries(archive: ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise InvalidInput("package", f"holds more than {MAX_ENTRIES} files")
    files: dict[str, bytes] = {}
    left = MAX_UNPACKED
    for path, entry in _profile_entries(entries):
        if path in files:
            raise InvalidInput(path, "is in the package twice")
        files[path] = _unpack(archive, entry, path, left)
        left -= len(files[path])
    return files


def _profile_entries(entries: list[ZipInfo]) -> Iterator[tuple[str, ZipInfo]]:
    """The entries that matter, by their path below the folder that holds the package."""
    named = [(_safe_path(entry.filename), entry) for entry in entries if not entry.filename.endswith("/")]
    roots = [
        path.removesuffix(DEVICE_FILE)
        for path, _ in named
        if path == DEVICE_FILE or path.endswith(f"/{DEVICE_FILE}")
    ]
    if len(roots) != 1:
        reason = "is in the package more than once" if roots else "is missing"
        raise InvalidInput(DEVICE_FILE, reason, missing=not roots)
    for path, entry in named:
        inner = path.removeprefix(roots[0])
        if path.startswith(roots[0]) and (inner == DEVICE_FILE or _SERVICE_FILE.fullmatch(inner)):
            yield inner, entry


def _safe_path(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))  # some Windows tools write backslashes
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts):
        raise InvalidInput("package", f"names a file outside itself: {name}")
    return path.as_posix()


def _unpack(archive: ZipFile, entry: ZipInfo, path: str, left: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED:
        raise InvalidInput(path, "is encrypted")
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise InvalidInput(path, "is compressed by a method other than deflate")
    with archive.open(entry) as source:
        data = source.read(min(left, MAX_PACKAGE) + 1)
    if len(data) > left:
        raise InvalidInput("package", f"unpacks to more than {MAX_UNPACKED} bytes")
    return _bounded(data)


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_PACKAGE:
        raise InvalidInput("package", f"holds a file larger than {MAX_PACKAGE} bytes")
    return data
