"""Encryption of single values, bound to their place."""

import pytest

from mpi.storage.encryption import envelope
from mpi.storage.encryption.envelope import AlteredContentError

KEYS = envelope.derive_content_keys(1, b"k" * 32)
OTHER_KEYS = envelope.derive_content_keys(1, b"j" * 32)
CIPHER = envelope.open_data_key(b"d" * 32)


def test_payload_is_read_back_and_never_twice_the_same():
    first, second = (envelope.encrypt_payload(CIPHER, 3, 7, b'{"a":1}') for _ in range(2))
    assert first != second
    assert envelope.decrypt_payload(CIPHER, 3, 7, first) == b'{"a":1}'
    assert envelope.is_encrypted(first)
    assert not envelope.is_encrypted(b'{"a":1}')


@pytest.mark.parametrize(("record_id", "version_id"), [(3, 8), (4, 7), (37, 0)])
def test_payload_of_another_row_does_not_decrypt(record_id, version_id):
    stored = envelope.encrypt_payload(CIPHER, 3, 7, b"{}")
    with pytest.raises(AlteredContentError):
        envelope.decrypt_payload(CIPHER, record_id, version_id, stored)


def test_every_altered_byte_of_a_payload_is_noticed():
    stored = envelope.encrypt_payload(CIPHER, 3, 7, b"{}")
    for place in range(1, len(stored)):
        altered = bytearray(stored)
        altered[place] ^= 1
        with pytest.raises(AlteredContentError):
            envelope.decrypt_payload(CIPHER, 3, 7, bytes(altered))
    for length in range(len(stored)):
        with pytest.raises(AlteredContentError):
            envelope.decrypt_payload(CIPHER, 3, 7, stored[:length])


def test_data_key_opens_under_its_payload_key_and_record_only():
    wrapped = envelope.wrap_data_key(KEYS, 5, b"d" * 32)
    assert len(wrapped) == envelope.WRAPPED_BYTES
    assert envelope.key_number_of(wrapped) == 1
    assert envelope.unwrap_data_key(KEYS, 5, wrapped) == b"d" * 32
    for keys, record_id in ((OTHER_KEYS, 5), (KEYS, 6)):
        with pytest.raises(AlteredContentError):
            envelope.unwrap_data_key(keys, record_id, wrapped)


def test_text_opens_at_its_place_only():
    stored = envelope.encrypt_text(KEYS, "note.body|1", "Zoë is in hospital")
    assert "hospital" not in stored
    assert envelope.text_key_number(stored) == 1
    assert envelope.decrypt_text(KEYS, "note.body|1", stored) == "Zoë is in hospital"
    for keys, place in ((OTHER_KEYS, "note.body|1"), (KEYS, "note.body|2")):
        with pytest.raises(AlteredContentError):
            envelope.decrypt_text(keys, place, stored)
    with pytest.raises(AlteredContentError):
        envelope.decrypt_text(KEYS, "note.body|1", stored[:-8])


def test_another_key_of_the_same_number_has_another_check():
    assert KEYS.check != OTHER_KEYS.check


def test_keys_are_in_no_representation():
    assert repr(KEYS) == f"ContentKeys(number=1, check={KEYS.check!r})"
