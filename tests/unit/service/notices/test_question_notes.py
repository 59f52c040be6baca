"""Notes on a question: whom they mention, and who may read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Viewer
from mpi.service.notices.question_notes import add_note, find_mentions, list_mentionable
from mpi.service.notices.returned_answers import ReturnKind, list_returned_answers
from mpi.service.review.question_view import load_question_view
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import ANN, BEN, NOBODY, SIS_STEWARD, add_doubtful_pair, only_question

BOTH = Viewer("both", None, SIS_STEWARD.actions, frozenset({"sis", "ccwis"}))


@pytest.fixture
def key(index):
    """Key of a question about a child of each agency; four people have accounts."""
    with cheap_password_hashing():
        for name, sources in (("ann", None), ("ben", None), ("sis-steward", {"sis"}),
                              ("both", {"sis", "ccwis"})):  # fmt: skip
            add_person(index, name, Role.STEWARD, sources)
        add_person(index, "ona", Role.OPERATOR, None)
    add_doubtful_pair(index)
    return only_question(index).key


def mentions_of(index, viewer):
    return [
        answer for answer in list_returned_answers(index, viewer) if answer.key.kind is ReturnKind.MENTION
    ]


def test_a_mentioned_person_is_told_and_can_read_the_note(index, key):
    assert add_note(index, ANN, key, "Same street, @ben. And @both: see it?") == ("ben", "both")
    for viewer in (BEN, BOTH):
        [answer] = mentions_of(index, viewer)
        assert (answer.actor, answer.question) == ("ann", key)
        assert answer.note == "Same street, @ben. And @both: see it?"
    assert mentions_of(index, ANN) == []
    history = load_question_view(index, BEN, key).history
    assert [(line.action, line.note) for line in history] == [
        ("note", "Same street, @ben. And @both: see it?")
    ]


@pytest.mark.parametrize("name", ["sis-steward", "ona", "nobody-at-all"])
def test_who_may_not_see_the_question_and_who_is_not_are_refused_alike(index, key, name):
    assert name not in {person.name for person in list_mentionable(index, ANN, key)}
    with pytest.raises(InputError, match="choose a person of the list") as refused:
        add_note(index, ANN, key, f"What do you think, @{name}?")
    assert name not in str(refused.value)
    assert load_question_view(index, ANN, key).history == ()
    assert mentions_of(index, SIS_STEWARD) == []


def test_a_note_without_mention_tells_nobody_and_an_empty_one_is_refused(index, key):
    assert add_note(index, ANN, key, "mail ben@example.org, or 2@3") == ()
    assert mentions_of(index, BEN) == []
    for text in ("", "  ", "x" * 4001):
        with pytest.raises(InputError, match="note"):
            add_note(index, ANN, key, text)


def test_who_may_not_see_or_work_on_the_question_cannot_write(index, key):
    with pytest.raises(NotFoundError):
        add_note(index, SIS_STEWARD, key, "x")
    with pytest.raises(AccessDenied):
        add_note(index, NOBODY, key, "x")


@given(st.text(alphabet="@ab.- _\n1", max_size=40))
def test_every_mention_is_of_a_known_person_or_the_note_is_refused(text):
    names = {"a", "b", "a.b", "ab-1"}
    try:
        found = find_mentions(text, names)
    except InputError:
        assert "@" in text
    else:
        assert set(found) <= names
        assert all(f"@{name}" in text for name in found)
