"""The pages about agreements say what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mpi.composition.rule_files import _LEGAL_BASES
from mpi.policy.agreement import AgreementState
from mpi.policy.agreement_checks import check_agreement
from mpi.policy.legal_bases import parse_legal_bases
from mpi.policy.parties import PartyKind
from mpi.policy.purposes import PURPOSES
from mpi.service.agreements.documents import (
    AgreementDocument,
    GrantDocument,
    PartyDocument,
    parse_agreement_file,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "how-to/agreements.md").read_text(encoding="utf-8")
FORM = (DOCS / "reference/agreements.md").read_text(encoding="utf-8")
BASES_PAGE = (DOCS / "reference/legal-bases.md").read_text(encoding="utf-8")
BASES = parse_legal_bases(_LEGAL_BASES.read_text(encoding="utf-8"))


def example(page: str) -> str:
    return re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]


def test_the_example_of_the_guide_can_be_put_in_force():
    agreement = parse_agreement_file(example(GUIDE), "example.toml")
    check_agreement(agreement, BASES, PURPOSES, {"sis", "ccwis"})
    assert {grant.legal_basis for grant in agreement.grants} == {"ferpa_caseworker", "state_statute"}


@pytest.mark.parametrize("model", [AgreementDocument, GrantDocument, PartyDocument])
def test_every_key_of_an_agreement_is_described(model):
    for key in model.model_fields:
        assert re.search(rf"`\[*{key}\]*`", FORM), key


def test_every_state_and_kind_of_party_is_described():
    for word in (*AgreementState, *PartyKind):
        assert f"`{word}`" in FORM


def test_every_legal_basis_is_listed_with_its_mark():
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\S+) \|$", BASES_PAGE, re.MULTILINE))
    assert rows == {code: basis.mark for code, basis in BASES.items()}


def test_the_example_of_a_legal_basis_can_be_used():
    [basis] = parse_legal_bases(example(BASES_PAGE)).values()
    assert basis.carries("transport")
    assert {field.name for field in fields(basis)} >= {"title", "citation", "note"}
