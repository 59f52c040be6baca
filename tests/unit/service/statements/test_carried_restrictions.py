"""A restriction stays in force until its source says that it ends."""

from collections import Counter
from datetime import UTC, datetime
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mpi.domain.clock import fixed_clock
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Viewer
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS
from mpi.service.core.stored_features import load_features
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.record_cards import build_cards
from tests.index import (
    OPERATOR,
    all_stored_bytes,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
)

SCHOOL = Viewer("school", None, OPERATOR.actions, frozenset({"sis"}))
HOME = {"address_line1": "12 Elm St", "postal_code": "43001"}
CONFIDENTIAL = {"kind": "address_confidential"}
KINDS = ("address_confidential", "protective_order", "opt_out")
ENDED = {"kind": "protective_order", "end": "2026-03-04"}
_numbers = count()

restrictions = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS)},
        optional={
            "reference": st.sampled_from(["A", "B"]),
            "begin": st.sampled_from(["2026-03-01", "2026-03-05"]),
            "end": st.sampled_from(["2026-03-04", "2026-03-08", "2999-01-01", "when the court says"]),
        },
    ),
    max_size=2,
)
versions = st.dictionaries(st.integers(1, 9), restrictions, min_size=1, max_size=5)
"""Restrictions of the versions of one record, by their day in March."""


def day(number: int) -> str:
    return datetime(2026, 3, number, tzinfo=UTC).isoformat()


def send(index, on=None, local_id="1", source="sis", **changes):
    values = {**HOME, **changes, "as_of": None if on is None else day(on)}
    return upsert(index, OPERATOR, source, make_child(local_id, **values))


def load_on(index, on: int, *records, **options):
    return load_rows(index, "sis", *records, as_of=datetime(2026, 3, on, tzinfo=UTC), **options)


def listed(index, local_id="1"):
    """Return the restrictions that the record's own source reads."""
    return read(index, SCHOOL, "sis", local_id)["record"].get("restrictions", [])


def features_of(index, local_id="1"):
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        number = unit.records.find_by_local_ids(source.id, [local_id])[local_id].id
        return load_features(unit, index.config_id(unit), [number])[number]


def is_withheld(index, local_id="1", on: int | None = None) -> bool:
    """Return whether a record's whereabouts are withheld on a day in March, or on its own day."""
    own_day = read(index, SCHOOL, "sis", local_id)["record"]["as_of"]
    with fixed_clock(datetime.fromisoformat(own_day if on is None else day(on))):
        answer = read(index, OPERATOR, "sis", local_id)
    assert ("address_line1" in answer["withheld"]) == ("address_line1" not in answer["record"])
    return "address_line1" in answer["withheld"]


def is_confidential(index, local_id="1", on: int | None = None) -> bool:
    """Return whether a record's address is not compared; it must be withheld then."""
    is_compared = features_of(index, local_id).street is not None
    assert is_compared or is_withheld(index, local_id, on)
    return not is_compared


def is_sound(index) -> bool:
    """Check that a re-cluster, a rebuild and verify find nothing to change."""
    before = crosswalk(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    rebuild(index, OPERATOR)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []
    return True


def has_ended(restriction, last_day: int) -> bool:
    end = restriction.get("end", "")
    return end.startswith("20") and end <= f"2026-03-{last_day:02}"


def expected_restrictions(sent):
    """Return what must be in force after all versions: an independent statement of the rule."""
    last_day = max(sent)
    expected = list(sent[last_day])
    for own_day, own_restrictions in sent.items():
        later = [r for later_day in sent if later_day > own_day for r in sent[later_day]]
        for restriction in own_restrictions if own_day < last_day else ():
            is_answered = any(
                r["kind"] == restriction["kind"]
                and r.get("reference") in (None, restriction.get("reference"))
                for r in later
            )
            if not is_answered and not has_ended(restriction, last_day):
                expected.append(restriction)
    return expected


def as_counter(restrictions):
    return Counter(tuple(sorted(restriction.items())) for restriction in restrictions)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(randomness=st.randoms(use_true_random=False), sent=versions)
@example(randomness=Random(1), sent={1: [ENDED], 8: [ENDED]})
def test_restrictions_in_force_do_not_depend_on_the_order_of_arrival(index, randomness, sent):
    orders = [sorted(sent), randomness.sample(sorted(sent), len(sent))]
    for order in orders:
        [child] = many_children(1, start=next(_numbers))
        for own_day in order:
            version = {**child, **HOME, "as_of": day(own_day), "restrictions": sent[own_day]}
            if randomness.random() < 0.5:
                upsert(index, OPERATOR, "sis", version)
            else:
                load_rows(index, "sis", version)
        expected = expected_restrictions(sent)
        assert as_counter(listed(index, child["local_id"])) == as_counter(expected)
        # A version that repeats the earlier one leaves the record at the earlier day: ask on the last one.
        assert is_confidential(index, child["local_id"], max(sent)) == any(
            restriction["kind"] == "address_confidential" and not has_ended(restriction, max(sent))
            for restriction in expected
        )
        assert is_withheld(index, child["local_id"], max(sent)) == any(
            restriction["kind"] != "opt_out" and not has_ended(restriction, max(sent))
            for restriction in expected
        )
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_restriction_that_is_left_out_stays_in_force(index, kind):
    send(index, restrictions=[{"kind": kind, "reference": "order 77"}])
    for name in ("Amara", "Amarah", "Amara"):
        send(index, first_name=name)
        assert listed(index) == [{"kind": kind, "reference": "order 77"}]
    assert is_confidential(index) == (kind == "address_confidential")
    assert is_withheld(index) == (kind != "opt_out")
    assert is_sound(index)


def test_an_empty_list_ends_no_restriction(index):
    send(index, restrictions=[CONFIDENTIAL])
    send(index, restrictions=[], first_name="Amarah")
    assert is_confidential(index)


def test_a_restriction_ends_by_an_end_that_its_source_states(index):
    send(index, 1, restrictions=[CONFIDENTIAL])
    send(index, 2)
    send(index, 3, restrictions=[{**CONFIDENTIAL, "end": "2026-03-03"}])
    assert not is_confidential(index)
    send(index, 4)
    assert not is_confidential(index)
    assert listed(index) == []
    assert is_sound(index)


def test_an_end_with_a_reference_ends_the_order_of_this_reference_only(index):
    orders = [{"kind": "protective_order", "reference": reference} for reference in ("A", "B")]
    send(index, 1, restrictions=orders)
    send(index, 2, restrictions=[{**orders[0], "end": "2026-03-02"}])
    assert listed(index) == [{**orders[0], "end": "2026-03-02"}, orders[1]]
    send(index, 3)
    assert listed(index) == [orders[1]]
    send(index, 4, restrictions=[{"kind": "protective_order", "end": "2026-03-04"}])
    send(index, 5)
    assert listed(index) == []


def test_a_left_out_restriction_ends_on_its_own_day(index):
    send(index, 1, restrictions=[{**CONFIDENTIAL, "end": "2026-03-05"}])
    send(index, 2)
    assert send(index, 4).record == "unchanged"
    assert is_confidential(index)
    assert send(index, 5).record == "unchanged"
    assert not is_confidential(index)
    assert is_sound(index)


def test_an_older_statement_that_comes_late_restricts_and_ends(index):
    send(index, 9)
    assert not is_confidential(index)
    assert send(index, 1, restrictions=[CONFIDENTIAL]).record == "history"
    assert is_confidential(index)
    send(index, 4, restrictions=[{**CONFIDENTIAL, "end": "2026-03-04"}])
    assert not is_confidential(index)
    assert is_sound(index)


def test_files_keep_restrictions_that_they_leave_out(index):
    children = [child | HOME for child in many_children(60)]
    load_on(index, 1, *[child | {"restrictions": [CONFIDENTIAL]} for child in children[:30]], *children[30:])
    assert load_on(index, 2, *children).updated == 30
    receipt = load_on(index, 3, *children)
    assert (receipt.unchanged, receipt.updated) == (60, 0)
    for number in (0, 29, 30, 59):
        assert is_confidential(index, f"c{number}") == (number < 30)
    assert is_sound(index)


def test_the_undo_of_a_load_undoes_what_it_said_of_restrictions(index):
    child = make_child("1", **HOME)
    first = load_on(index, 1, {**child, "restrictions": [CONFIDENTIAL]}).batch
    load_on(index, 2, child)
    third = load_on(index, 3, {**child, "restrictions": [{**CONFIDENTIAL, "end": "2026-03-03"}]}).batch
    load_on(index, 4, {**child, "first_name": "Amarah"})
    assert not is_confidential(index)
    undo_load(index, OPERATOR, third)
    assert is_confidential(index)
    undo_load(index, OPERATOR, first)
    assert not is_confidential(index)
    assert is_sound(index)


def test_a_record_that_returns_is_still_restricted(index):
    send(index, 1, restrictions=[CONFIDENTIAL])
    send(index, 2)
    withdraw(index, OPERATOR, "sis", "1")
    send(index)
    assert is_confidential(index)
    load_rows(index, "sis", *many_children(3), snapshot=Snapshot.FULL, confirm=True)
    assert ("sis", "1") not in crosswalk(index)
    send(index, first_name="Amarah")
    assert is_confidential(index)


def test_a_version_that_was_held_keeps_the_restriction_once_it_counts(index):
    send(index, 1, restrictions=[CONFIDENTIAL])
    pause(index, OPERATOR, "sis")
    send(index, 2, postal_code="43002")
    assert is_confidential(index)
    resume(index, OPERATOR, "sis")
    assert is_confidential(index)
    assert is_sound(index)


def test_a_question_withholds_an_address_that_a_later_version_states(index):
    send(index, 1, restrictions=[CONFIDENTIAL])
    send(index, 2, address_line2="Apt 3")
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        number = unit.records.find_by_local_ids(source.id, ["1"])["1"].id
        [card] = build_cards(unit, index, [number])
    assert not WITHHELD_FIELDS & card.values.keys()


def test_the_reference_of_a_left_out_restriction_is_destroyed_with_its_record(index):
    send(index, restrictions=[{"kind": "protective_order", "reference": "ORDER-7731"}])
    send(index)
    assert b"ORDER-7731" in all_stored_bytes(index)
    expunge(index, "sis", make_child("1", **HOME))
    assert b"ORDER-7731" not in all_stored_bytes(index)
