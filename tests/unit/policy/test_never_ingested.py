"""Data that no record and no file may bring in is refused, and the child is not named."""

from datetime import UTC, datetime

import pytest

from mpi.domain.errors import MappingError, RecordError
from mpi.domain.keyed_hash import KeyedHash
from mpi.intake.mapping_reader import load_mapping
from mpi.policy.never_ingested import find_never_ingested_topic
from mpi.policy.tiers import POPULATION_TIERS
from mpi.standardize.record_validation import validate_record
from tests.index import make_child

RECEIVED = datetime(2026, 11, 29, tzinfo=UTC)
REFUSED = [
    "immigrant", "immigration_status", "undocumented", "refugee_status", "sex_trafficking",
    "trafficking_victim",
    "substance_use", "drug_abuse_child", "caretaker_alcohol_abuse", "removal_circumstances", "physical_abuse",
    "neglect", "domestic_violence", "Sexual-Exploitation",
]  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_a_code_of_such_a_topic_is_recognized(code):
    assert find_never_ingested_topic(code)


@pytest.mark.parametrize(
    "code", [*POPULATION_TIERS, "DoubledUp", "NeglectedPrograms", "gifted", "SLD", "foster_home"]
)
def test_other_codes_are_stored(code):
    assert find_never_ingested_topic(code) is None


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("flags.population", {"flags": [{"population": "immigrant", "value": "N"}]}),
        ("flags.detail", {"flags": [{"population": "homeless", "value": "Y", "detail": "asylum seeker"}]}),
        ("placements.type", {"placements": [{"type": "substance_use_treatment", "begin": "2026-01-01"}]}),
        ("identifiers.system", {"identifiers": [{"system": "alien_number", "assigner": "x", "value": "A1"}]}),
    ],
)
def test_a_record_with_such_data_is_refused_without_naming_the_child(field, content):
    with pytest.raises(RecordError) as caught:
        validate_record(make_child("77", **content), KeyedHash(b"k" * 32), RECEIVED)
    assert (caught.value.field, caught.value.reason) == (field, "never-ingested")
    assert "Okonkwo" not in str(caught.value)


def test_a_mapping_that_makes_such_a_code_is_refused_as_a_whole(tmp_path):
    mapping = tmp_path / "bad.toml"
    mapping.write_text(
        'local_id = {column = "ID"}\n[[flags]]\npopulation = "immigrant"\nvalue = {column = "IMM"}\n'
    )
    with pytest.raises(MappingError, match=r"population.*immigration"):
        load_mapping(mapping)
