"""One packaged application and one emulated account for all tests of a deployed stage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.deploy import build
from tests.stack.deployed import Deployed, deployed


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template, with the zip beside it, as `make package` writes them."""
    return build.package("dev", tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def stack(package: Path) -> Iterator[Deployed]:
    with deployed() as made:
        made.deploy(package)
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They deploy, for minutes: `make test-stack` runs them, `make test` does not."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.stack)
