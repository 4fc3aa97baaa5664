"""The OpenAPI document as a page: Swagger UI from a pinned package, nothing from elsewhere.

The package is `flask-swagger-ui`, of which only the files named here are used: a deployed application has
copies of them in `assets/`, put there when it is packaged, and not the package nor what it depends on.
Links are relative, for the URL of an API Gateway has its stage in front of the path.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .request import Answer, Request

PACKAGE = "flask_swagger_ui"
ASSETS = Path(__file__).with_name("assets")
FILES = {  # by the name in our URL: the package's file and its type
    "swagger-ui.js": ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": ("swagger-ui.css", "text/css; charset=utf-8"),
}
LICENSE = "LICENSE"
KEPT = 3600  # s that a browser keeps a file
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Polything: the APIs</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
  <div id="docs"><noscript>This page needs JavaScript. The document itself is at
    <a href="openapi.json">openapi.json</a>.</noscript></div>
  <script src="docs/swagger-ui.js"></script>
  <script src="docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""


def serve(request: Request) -> Answer:
    """`/docs` and what the page loads from below it."""
    if request.method not in ("GET", "HEAD"):
        return Answer(405, b"", {"Allow": "GET"})
    if request.segments == ("docs",):
        if request.path.endswith("/"):  # the page's links are relative to /docs
            return Answer(308, b"", {"Location": "../docs"})
        return _answer(PAGE.encode(), "text/html; charset=utf-8", kept=0)
    name = "/".join(request.segments[1:])
    if name == "start.js":
        return _answer(START.encode(), "text/javascript; charset=utf-8", kept=KEPT)
    if name not in FILES:
        return Answer(404, b"not found", {"Content-Type": "text/plain; charset=utf-8", **HEADERS})
    file, kind = FILES[name]
    return _answer(_read(file), kind, kept=KEPT)


def sources() -> list[Path]:
    """The files of the package that an application needs, its licence with them."""
    folder = ASSETS if ASSETS.is_dir() else _installed()
    return [folder / name for name in (*(file for file, _ in FILES.values()), LICENSE)]


@cache
def _read(file: str) -> bytes:
    return next(path for path in sources() if path.name == file).read_bytes()


def _installed() -> Path:
    """Where the package's files are; the package itself is not imported."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"{PACKAGE} is not installed: make install")
    return Path(found.submodule_search_locations[0]) / "dist"


def _answer(body: bytes, kind: str, *, kept: int) -> Answer:
    cache_control = f"public, max-age={kept}" if kept else "no-cache"
    return Answer(200, body, {"Content-Type": kind, "Cache-Control": cache_control, **HEADERS})
