"""The real service decides this population's golden pairs with the shipped model as expected."""

import shutil
from pathlib import Path

import pytest

from tests.golden.hard_cases import FIELD_CASES, Case, cases, decide, make_state

pytestmark = pytest.mark.slow
_CASES = cases()
_OWN_PREFIX = "GP"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("state") / "home"
    make_state(home)
    return home


def _mark_case(name: str, case: Case) -> object:
    """Mark a case of the field, whose file is not in the repository."""
    return pytest.param(case, id=name, marks=() if name.startswith(_OWN_PREFIX) else pytest.mark.data)


@pytest.mark.parametrize("case", list(map(_mark_case, _CASES, _CASES.values())))
def test_a_golden_pair_is_decided_as_expected(case: Case, state: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        decision = decide(case, state, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    # Other tests check that a confidential address is not compared and never shown.
    assert decision == case.expected.removesuffix("_no_address"), case.topic


@pytest.mark.data
@pytest.mark.skipif(not FIELD_CASES.is_file(), reason=f"no golden pairs at {FIELD_CASES}; see CONTRIBUTING")
def test_no_golden_pair_is_lost() -> None:
    own = [name for name in _CASES if name.startswith(_OWN_PREFIX)]
    assert (len(own), len(_CASES) - len(own)) == (24, 37)
