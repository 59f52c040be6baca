"""The golden pairs of this population, decided by the real service with the shipped model."""

import shutil
from pathlib import Path

import pytest

from tests.golden.hard_cases import CASES, Case, cases, decide, make_state

pytestmark = [
    pytest.mark.slow,
    pytest.mark.data,
    pytest.mark.skipif(not CASES.is_file(), reason=f"no golden pairs at {CASES}; see CONTRIBUTING"),
]
_CASES = cases() if CASES.is_file() else {}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("state") / "home"
    make_state(home)
    return home


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_a_golden_pair_is_decided_as_expected(case: Case, state: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        decided = decide(case, state, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    # That an address is not compared and never shown is held by tests of its own.
    assert decided == case.expected.removesuffix("_no_address"), case.topic
