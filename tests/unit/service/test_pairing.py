"""Pairs by set: what is read, and what is remembered of it."""

from contextlib import ExitStack

import numpy as np

from mpi.matching.batch import Place
from mpi.service.pairing import Seen, fingerprint, pair_up
from mpi.service.statement import Packed
from tests.index import OPERATOR, an_index, load_rows, many_children


def test_a_record_stands_as_it_was_compared_only_with_the_same_features():
    features = {4: b"four", 9: b"nine", 12: b"twelve"}
    seen = Seen(np.array(sorted(features), np.int64), b"".join(fingerprint(f) for f in features.values()))
    assert all(seen.as_compared(record, body) for record, body in features.items())
    assert not seen.as_compared(9, b"ten")
    assert not any(seen.as_compared(record, b"four") for record in (3, 5, 13))


def test_of_nothing_compared_nothing_stands():
    assert not Seen().as_compared(1, b"one")


def test_nothing_is_read_any_more_once_scoring_begins(tmp_path):
    with an_index(tmp_path / "home", "sis") as index:
        load_rows(index, "sis", *many_children(40), *(c | {"local_id": "again"} for c in many_children(1)))
        told = []
        place = Place(index.home, None, lambda _done, _total: told.append("scored"))
        with ExitStack() as reading:
            unit = reading.enter_context(index.database.read(OPERATOR))
            config = index.config_id(unit)
            payloads = unit.derived.features(config, range(1, 50))
            own = unit.keys.own(config, list(payloads))
            mine = {record: Packed(body, own[record].keys, "") for record, body in list(payloads.items())[:1]}

            def was_read() -> None:
                told.append("read")
                reading.close()

            found = pair_up(unit, index.matcher.model, config, mine, place, was_read=was_read)
        assert told == ["read", "scored"]
        assert len(found.edges()) == 1
