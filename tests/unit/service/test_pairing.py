"""Pairs by set: what is read, and what is remembered of it."""

from contextlib import ExitStack

from mpi.matching.batch import Place
from mpi.service.pairing import pair_up
from mpi.service.statement import Packed
from tests.index import OPERATOR, an_index, load_rows, many_children


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
