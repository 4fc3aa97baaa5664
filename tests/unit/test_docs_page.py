"""`/docs` on the wire: a page of our own and the pinned package's files, with a strict policy."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.web import docs
from infra.deploy import build
from tests.support.gateway import Gateway


def test_the_page_loads_from_its_own_place_only() -> None:
    reply = Gateway().get("/docs")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    links = re.findall(r'(?:src|href)="([^"]+)"', reply.body)
    assert links == ["data:,", "docs/swagger-ui.css", "openapi.json", "docs/swagger-ui.js", "docs/start.js"]
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<script>" not in reply.body


@pytest.mark.parametrize(
    ("name", "kind"), [("swagger-ui.js", "javascript"), ("swagger-ui.css", "css"), ("start.js", "javascript")]
)
def test_what_it_loads_is_there(name: str, kind: str) -> None:
    reply = Gateway().get(f"/docs/{name}")
    assert reply.status == 200
    assert kind in reply.headers["content-type"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert len(reply.body) > 100


def test_with_a_slash_at_its_end_it_leads_to_where_links_work() -> None:
    reply = Gateway().get("/docs/")
    assert (reply.status, reply.headers["location"]) == (308, "../docs")


@pytest.mark.parametrize(
    "path", ["/docs/other.js", "/docs/../settings.py", "/docs/swagger-ui-bundle.js", "/docs/a/b"]
)
def test_no_other_file_is_served(path: str) -> None:
    assert Gateway().get(path).status == 404


def test_it_is_only_read() -> None:
    assert Gateway().post("/docs", {}).status == 405


def test_a_deployed_application_has_copies_and_not_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.project(tmp_path)
    assets = tmp_path / "chalicelib" / "web" / "assets"
    assert {path.name for path in assets.iterdir()} == {"swagger-ui-bundle.js", "swagger-ui.css", "LICENSE"}
    monkeypatch.setattr(docs, "ASSETS", assets)
    monkeypatch.setattr(docs, "find_spec", lambda name: None)
    docs._read.cache_clear()
    assert Gateway().get("/docs/swagger-ui.css").status == 200
    docs._read.cache_clear()
    assert "flask" not in (build.ROOT / "requirements.txt").read_text(encoding="utf-8").lower()


def test_an_answer_fits_into_what_lambda_carries() -> None:
    for path in ("/docs/swagger-ui.js", "/openapi.json"):
        assert len(json.dumps(Gateway().get(path).body)) < 5 * 1024 * 1024
