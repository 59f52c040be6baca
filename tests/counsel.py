"""Sentences of the answers to counsel's questions, and the tests that show that each is true.

A test names the sentences that it shows. ``tests/docs/test_counsel_questions.py`` fails where a sentence of
an answer has no test: a new one, or one that is worded anew.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from mpi.api.pages.rendering.page_texts import load_words
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.roles import Role
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in, sign_out
from mpi.service.agreements.counsel_questions import QUESTIONS
from tests.accounts import PASSWORD
from tests.index import OPERATOR

Test = TypeVar("Test", bound=Callable[..., object])

CHOICES = ("setting", "condition", "none_of")
"""Tables of the pages' words with sentences that stand for a whole answer or an entry of one."""
SHOWN: dict[str, str] = {}
"""Test that shows a sentence to be true, by sentence."""


def shows(*sentences: str) -> Callable[[Test], Test]:
    """Register a test for the sentences that it shows to be true."""

    def register(test: Test) -> Test:
        SHOWN.update(dict.fromkeys(sentences, f"{test.__module__}::{test.__qualname__}"))
        return test

    return register


def list_sentences() -> list[str]:
    """Return each sentence of each answer: its question's code, a colon and the sentence."""
    words = load_words().papers
    sentences = [
        f"{code}: {sentence}"
        for code in QUESTIONS
        for sentence in re.split(r"(?<=\.) (?=[A-Z{])", words.answer[code])
    ]
    for table in CHOICES:
        sentences += [f"{table} {code}: {text}" for code, text in words[table]._held.items()]
    return sentences


def may(call: Callable[[], object]) -> bool:
    """Return whether the policy permits a call; a condition on the child may still hide it."""
    try:
        call()
    except AccessDenied:
        return False
    except NotFoundError:
        return True
    return True


def add_signed_in(index, role: Role, name: str | None = None, sources=None, purpose=None, **bound: str):
    """Add an account and sign its person in; return the viewer."""
    name = name or f"a-{role}"
    sources = ("sis",) if sources is None and role is Role.SOURCE_OWNER else sources
    first = add_account(index, OPERATOR, NewAccount(name, "Ana Ruiz", role, sources, **bound))
    token = sign_in(index, name, first)
    sign_out(index, change_password(index, token, first, PASSWORD))
    return authenticate_session(index, sign_in(index, name, PASSWORD, purpose)).viewer
