"""Print the OpenAPI document: `python -m infra.openapi`."""

import sys

import app
from chalicelib.handlers import http


def main() -> None:
    sys.stdout.write(http.openapi(tuple(sorted(set(app.DIALECTS.values())))).decode() + "\n")


if __name__ == "__main__":
    main()
