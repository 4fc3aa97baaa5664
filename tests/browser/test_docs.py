"""`/docs` in a browser: grouped by system, an operation of each with its errors and an example."""

import html
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.handlers import http
from tests.browser.conftest import SIZE, Browser, Site

pytestmark = pytest.mark.browser
DIALECTS = sorted(set(app.DIALECTS.values()))
ALLOWED = "escaping deep link whitespace"  # Swagger UI's own remark about links


def first_operation(dialect: str) -> dict[str, Any]:
    """One that takes a body, where there is one."""
    document = json.loads(http.openapi(tuple(DIALECTS)))
    own = [
        {"path": path, **operation}
        for path, item in document["paths"].items()
        for operation in item.values()
        if dialect in operation["tags"] and not operation.get("deprecated")
    ]
    return next((one for one in own if "requestBody" in one), own[0])


def colours(png: bytes) -> set[bytes]:
    """The picture's different pixels, of its raw lines. Raises AssertionError for no picture of that size."""
    assert png.startswith(b"\x89PNG")
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (width, height, depth) == (*SIZE, 8)
    data, at = b"", 8
    while at < len(png):
        length = struct.unpack(">I", png[at : at + 4])[0]
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    raw, step = zlib.decompress(data), {2: 3, 6: 4}[kind]
    line = width * step + 1
    return {
        raw[row + 1 + column : row + 1 + column + step]
        for row in range(0, len(raw), line)
        for column in range(0, line - 1, step * 8)
    }


def test_systems_are_groups_and_nothing_is_loaded_from_elsewhere(browser: Browser, site: Site) -> None:
    shown = browser.dom(f"{site.url}/docs")
    assert set(re.findall(r'data-tag="([a-z]+)"', shown)) == set(DIALECTS)
    assert browser.complaints == []
    assert {path.partition("?")[0] for path in site.asked} == {
        "/api/docs",
        "/api/docs/swagger-ui.css",
        "/api/docs/swagger-ui.js",
        "/api/docs/start.js",
        "/api/openapi.json",
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_operation_of_each_system_opens_with_its_errors_and_an_example(
    dialect: str, browser: Browser, site: Site, tmp_path: Path
) -> None:
    operation = first_operation(dialect)
    link = f"{site.url}/docs#/{dialect}/{operation['operationId']}"
    shown = html.unescape(re.sub(r"<[^>]+>", "", browser.dom(link)))
    assert operation["summary"] in shown
    for status, answer in operation["responses"].items():
        assert status in shown
        assert answer["description"].partition(";")[0] in shown
    if "requestBody" in operation:
        [example] = [media["example"] for media in operation["requestBody"]["content"].values()][:1]
        for name in example:
            assert f'"{name}"' in shown
    assert [line for line in browser.complaints if ALLOWED not in line] == []
    picture = browser.screenshot(link, tmp_path / f"{dialect}.png")
    assert len(colours(picture)) > 20
