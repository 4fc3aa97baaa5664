"""CTWing's error table covers the whole tree of core."""

import pytest

from chalicelib.core import errors as core
from chalicelib.core.errors import PolythingError
from chalicelib.dialects.ctwing import errors

DOCUMENTED = {200, 400, 401, 403, 404, 500, 503, 504}


def tree(kind: type[PolythingError] = PolythingError) -> list[type[PolythingError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *tree(sub))]


@pytest.mark.parametrize("kind", [each for each in tree() if each.__module__ == core.__name__])
def test_every_core_error_has_an_answer(kind: type[PolythingError]) -> None:
    fault = errors.fault(kind, None)
    assert fault is not errors.INTERNAL
    assert fault.status in DOCUMENTED
    assert int(fault.code) >= 400
    assert fault.text


def test_a_business_error_has_its_own_code_and_any_other_that_of_its_status() -> None:
    for fault in errors.FAULTS.values():
        if fault.status == 200:
            assert 1000 <= int(fault.code) < 2000
        else:
            assert fault.code.startswith(str(fault.status))
