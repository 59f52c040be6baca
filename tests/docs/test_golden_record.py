"""Examples and lists of the pages on golden records and explanations match the code."""

import json
import re
from pathlib import Path

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import SourceKind
from mpi.domain.survivorship.attributes import MULTI_VALUE_ATTRIBUTES, SINGLE_VALUE_ATTRIBUTES
from mpi.domain.survivorship.rule_file import parse_rules
from mpi.domain.survivorship.rules import Criterion
from mpi.domain.survivorship.values import SelectionReason
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.explanations.person_history import describe_history
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk

DOCS = Path(__file__).resolve().parents[2] / "docs"
GOLDEN = (DOCS / "reference" / "golden-record.md").read_text(encoding="utf-8")
EXPLAINED = (DOCS / "reference" / "explanations.md").read_text(encoding="utf-8")


@pytest.fixture
def index(tmp_path):
    index, _ = init_index(Settings(home=tmp_path / "mpi"), is_test=True)
    for kind in (SourceKind.SIS, SourceKind.CCWIS):
        add_source(index, OPERATOR, NewSource(kind.value, kind=kind))
    yield index
    index.database.dispose()


def put_example(index, page: str) -> None:
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    for name, record in json.loads(example).items():
        source, local_id = name.split(":")
        upsert(index, OPERATOR, source, {"local_id": local_id, **record})


def test_the_example_golden_record_matches_the_page(index):
    put_example(index, GOLDEN)
    links = crosswalk(index)
    assert links["sis", "1"] == links["ccwis", "9"]
    values = {
        value.attribute: value for value in look_up_golden_record(index, OPERATOR, links["sis", "1"]).values
    }
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) \| `(\w+)` \| (\S*) ?\|$", GOLDEN, re.MULTILINE)
    assert len(rows) == 3
    for attribute, value, record, rule, other_values in rows:
        golden_value = values[attribute]
        assert (golden_value.value, golden_value.rule) == (value, rule)
        assert record in ("any", f"{golden_value.record.source}:{golden_value.record.local_id}")
        assert " ".join(other_value.value for other_value in golden_value.others) == other_values


def test_the_page_names_every_attribute_criterion_and_rule():
    for name in (
        *SINGLE_VALUE_ATTRIBUTES,
        *MULTI_VALUE_ATTRIBUTES,
        *(each.value for each in (*Criterion, *SelectionReason)),
    ):
        assert f"`{name}`" in GOLDEN, name


def test_the_survivorship_rules_of_the_page_can_be_parsed():
    [example] = re.findall(r"```toml\n(.*?)```", GOLDEN, re.DOTALL)
    assert parse_rules(example).rules["phone"].criteria[0] is Criterion.RECENCY


def test_the_example_explanation_matches_the_page(index):
    put_example(index, EXPLAINED)
    sentence, *steps = re.findall(r"^> (.*)$", EXPLAINED, re.MULTILINE)
    explanation = explain_pair(index, OPERATOR, RecordRef("sis", "1"), RecordRef("ccwis", "9"))
    assert explanation.sentence == sentence
    assert f"{-explanation.parts[0].bits:.1f} bits" in EXPLAINED
    eid = crosswalk(index)["sis", "1"]
    assert [step.sentence for step in describe_history(index, OPERATOR, eid)] == steps
