"""What is remembered of stored records that were compared."""

import numpy as np

from mpi.service.pairing import Seen, fingerprint


def test_a_record_stands_as_it_was_compared_only_with_the_same_features():
    features = {4: b"four", 9: b"nine", 12: b"twelve"}
    seen = Seen(np.array(sorted(features), np.int64), b"".join(fingerprint(f) for f in features.values()))
    assert all(seen.as_compared(record, body) for record, body in features.items())
    assert not seen.as_compared(9, b"ten")
    assert not any(seen.as_compared(record, b"four") for record in (3, 5, 13))


def test_of_nothing_compared_nothing_stands():
    assert not Seen().as_compared(1, b"one")
