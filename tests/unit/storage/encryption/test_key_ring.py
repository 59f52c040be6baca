"""Payload keys: their text, and reading them again."""

import pickle

import pytest

from mpi.domain.errors import StoreError
from mpi.storage.encryption.key_ring import KeyRing, parse_keys
from mpi.storage.encryption.key_source import KeySource

FIRST, SECOND = "ab" * 32, "cd" * 32


@pytest.fixture
def ring(tmp_path):
    return KeyRing(KeySource("payload keys", "MPI_PAYLOAD_KEYS", tmp_path / "payload.key"))


@pytest.mark.parametrize(
    "text", [f"1:{FIRST}\n2:{SECOND}\n", f"2:{SECOND},1:{FIRST}", f"\n 1:{FIRST} \n\n2:{SECOND}"]
)
def test_keys_are_lines_or_separated_by_commas(text):
    assert parse_keys(text, "place") == {1: bytes.fromhex(FIRST), 2: bytes.fromhex(SECOND)}


def test_lone_key_without_a_number_is_the_first():
    assert parse_keys(FIRST, "place") == {1: bytes.fromhex(FIRST)}


@pytest.mark.parametrize(
    "text",
    ["", "\n", "abc", f"0:{FIRST}", f"-1:{FIRST}", f"10000:{FIRST}", f"1:{FIRST}\n1:{SECOND}",
     "1:" + "ab" * 31, f"{FIRST}\n{SECOND}", f"x:{FIRST}", f"1:{FIRST}g", f"{'9' * 5000}:{FIRST}"],
)  # fmt: skip
def test_text_that_holds_no_keys_is_refused_without_showing_it(text):
    with pytest.raises(StoreError, match=r"^place") as raised:
        parse_keys(text, "place")
    assert "ab" * 31 not in str(raised.value)


def test_key_that_another_process_added_is_found(ring):
    ring.add_key()
    assert ring.get(1).number == 1
    another_process = pickle.loads(pickle.dumps(ring))
    assert another_process.add_key() == 2
    assert ring.check_of(2) == another_process.check_of(2) != ring.check_of(1)


def test_missing_key_is_named_with_the_place_to_add_it(ring):
    ring.add_key()
    with pytest.raises(StoreError, match=r"payload key 7, .* is not in .*payload\.key"):
        ring.get(7)


def test_key_is_not_added_to_a_value_or_command(tmp_path):
    ring = KeyRing(KeySource("payload keys", "MPI_PAYLOAD_KEYS", tmp_path / "payload.key", value=FIRST))
    with pytest.raises(StoreError, match="come from MPI_PAYLOAD_KEYS: add a line"):
        ring.add_key()
    assert not (tmp_path / "payload.key").exists()
