"""Purposes of use: the program's own, and which a state may add."""

import pytest

from mpi.domain.errors import InputError
from mpi.domain.viewer import PURPOSES as PURPOSE_CODES
from mpi.policy.purposes import EXCLUDED_USES, PURPOSES, Purpose, check_purpose, find_excluded_use

MENTORING = Purpose(
    "mentoring", "Find a mentor", "A school finds a mentor for a child.", "Somebody is there."
)


def test_every_purpose_of_the_program_is_explained():
    assert tuple(PURPOSES) == PURPOSE_CODES
    for purpose in PURPOSES.values():
        assert purpose.title
        assert purpose.vision.endswith(".")
        assert purpose.value.endswith(".")
        assert find_excluded_use(purpose) is None


def test_a_state_may_add_a_purpose():
    check_purpose(MENTORING, PURPOSES)
    assert MENTORING.code not in PURPOSES
    with pytest.raises(InputError, match="there is a purpose"):
        check_purpose(MENTORING, {**PURPOSES, MENTORING.code: MENTORING})


@pytest.mark.parametrize("title", [
    "Law enforcement", "law-enforcement request", "LAWENFORCEMENT", "Police referral", "To the sheriff",
    "Immigration checks", "\uff29mmigration", "Déportation", "Risk scoring of families", "Risk-score",
    "risk score 2", "Predictive risk model", "Adverse action on benefits", "Answer a subpoena",
    "Fraud investigation",
])  # fmt: skip
def test_a_purpose_of_an_excluded_use_is_refused_with_its_reason(title):
    with pytest.raises(InputError, match="cannot be a purpose of this index"):
        check_purpose(Purpose("other", title, "It is.", "It is."), PURPOSES)


@pytest.mark.parametrize("use", EXCLUDED_USES.values(), ids=EXCLUDED_USES)
def test_an_excluded_use_is_refused_by_its_own_name(use):
    for purpose in (
        Purpose("x", use.title, "Any.", "Any."),
        *(Purpose(stem, "Any", "Any.", "Any.") for stem in use.stems),
    ):
        with pytest.raises(InputError) as refused:
            check_purpose(purpose, PURPOSES)
        assert use.reason in str(refused.value)


@pytest.mark.parametrize(
    "title", ["Immigrant education (Title III)", "Policy research", "Risk of homelessness"]
)
def test_other_words_are_not_taken_for_an_excluded_use(title):
    purpose = Purpose("other", title, "It is.", "It is.")
    check_purpose(purpose, PURPOSES)
    assert find_excluded_use(purpose) is None


@pytest.mark.parametrize("code", ["", "Upper", "1st", "a-b", "a b", "a" * 65, "transport", "all", "añb"])
def test_a_code_that_is_taken_or_malformed_is_refused(code):
    with pytest.raises(InputError, match=r"code|there is a purpose"):
        check_purpose(Purpose(code, "Any", "Any.", "Any."), PURPOSES)


@pytest.mark.parametrize("field", ["title", "vision", "value"])
@pytest.mark.parametrize("text", ["", "  ", "x" * 1_001, "two\nlines", "hid\u202eden"])
def test_a_text_that_nobody_can_read_is_refused(field, text):
    with pytest.raises(InputError, match=field):
        check_purpose(
            Purpose("other", **{"title": "Any", "vision": "Any.", "value": "Any.", field: text}), PURPOSES
        )
