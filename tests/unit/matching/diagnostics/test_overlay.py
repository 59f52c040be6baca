"""Overlays: the shipped model detects another child under a local ID, and no usual change."""

from datetime import UTC, datetime

import pytest

from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.diagnostics.overlay import is_another_child
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from tests.index import make_child

SEAL = KeyedHash(bytes(32))
JAYDEN = {"first_name": "Jayden", "last_name": "Cruz", "birth_date": "2014-03-09", "sex": "M"}


def features(**changes):
    record = validate_record(
        make_child("1", **{**JAYDEN, **changes}), SEAL, datetime(2026, 3, 1, tzinfo=UTC)
    ).record
    return standardize(record, "sis", SEAL)


@pytest.mark.parametrize(
    "after",
    [
        {"first_name": "Maria", "last_name": "Garcia", "birth_date": "2009-11-30", "sex": "F"},
        {"first_name": "Maria", "birth_date": "2011-05-02"},
        {"first_name": "Maria", "birth_date": "2009-11-30", "sex": None, "last_name": None},
        {"first_name": "Maria", "last_name": "Garcia", "sex": "F"},
        {"first_name": "Maria", "last_name": "Garcia", "sex": "F", "birth_date": None},
    ],
    ids=["another child", "a sibling", "less known", "born on one day", "birth date unknown"],
)
def test_another_child_is_detected(scorer, after):
    assert is_another_child(scorer, features(), features(**after))
    assert is_another_child(scorer, features(**after), features())


@pytest.mark.parametrize(
    "after",
    [
        {},
        {"last_name": "Garcia", "middle_name": "Lee", "guardian_last_name": "Garcia"},
        {"first_name": "Noah", "last_name": "Garcia"},
        {"first_name": "Maria", "sex": "F"},
        {"birth_date": "2009-11-30"},
        {"birth_date": "2009-11-30", "last_name": "Garcia", "sex": "F"},
        {"first_name": "Jay", "preferred_name": "Jayden", "birth_date": "2011-05-02"},
        {"first_name": "Jaydon", "birth_date": "2011-05-02"},
        {"first_name": "Cruz", "last_name": "Jayden", "birth_date": "2011-05-02"},
        {"first_name": "Noah", "last_name": "Garcia", "birth_date": "2014-09-03"},
        {"first_name": "Noah", "birth_date": None},
        {"first_name": None, "last_name": None, "birth_date": "2009-11-30", "sex": "F"},
    ],
    ids=[
        "nothing", "new surname", "adopted under new names", "given name and sex", "birth date corrected",
        "all but the given name", "nickname", "misspelled", "names exchanged", "adopted, date exchanged",
        "birth date unknown", "names unknown",
    ],
)  # fmt: skip
def test_a_usual_change_of_one_child_is_no_overlay(scorer, after):
    assert not is_another_child(scorer, features(), features(**after))


def test_a_newborn_who_gets_a_name_is_no_overlay(scorer):
    assert not is_another_child(scorer, features(first_name="Baby Boy"), features(birth_date="2014-07-30"))
