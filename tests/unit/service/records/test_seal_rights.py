"""Sealing and expunging are rights of their own, and a client seals few records one by one."""

from dataclasses import replace
from functools import partial

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, MpiError
from mpi.domain.roles import ACTIONS_BY_ROLE
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import ACTIONS_GRANTED_BY_NAME, Action, Viewer
from mpi.service.access.setup import FIRST_CLIENT_NAME
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions, load
from mpi.service.records.upsert import upsert
from tests.concurrent_calls import at_once
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, rows, with_settings

WRITER = Viewer("feed", None, frozenset({Action.RECORD_WRITE, Action.LOAD}), frozenset({"sis"}))
SEALER = replace(WRITER, client="sealer", actions=WRITER.actions | {Action.RECORD_SEAL})
RIGHT_BY_KIND = {"sealed": Action.RECORD_SEAL, "expunged": Action.RECORD_EXPUNGE}


def restricted(local_id: str, kind: str, **changes):
    return make_child(local_id, restrictions=[{"kind": kind}], **changes)


def test_no_role_and_not_the_first_client_may_seal_or_expunge(index):
    assert not any(ACTIONS_GRANTED_BY_NAME & actions for actions in ACTIONS_BY_ROLE.values())
    with index.database.read(OPERATOR) as unit:
        [first] = [
            client for client, _, _ in unit.clients.all_with_commits() if client.name == FIRST_CLIENT_NAME
        ]
    assert first.actions == frozenset(Action) - ACTIONS_GRANTED_BY_NAME
    assert OPERATOR.actions >= ACTIONS_GRANTED_BY_NAME


@pytest.mark.parametrize("kind", RIGHT_BY_KIND)
@pytest.mark.parametrize("known", [False, True], ids=["new record", "known record"])
def test_a_seal_without_the_right_is_refused_before_anything_is_written(index, kind, known):
    if known:
        upsert(index, WRITER, "sis", make_child("1"))
    with index.database.read(OPERATOR) as unit:
        before = unit.last_commit()
    others = frozenset(Action) - {RIGHT_BY_KIND[kind]}
    with pytest.raises(AccessDenied, match=RIGHT_BY_KIND[kind].value):
        upsert(index, replace(WRITER, actions=others), "sis", restricted("1", kind))
    with index.database.read(OPERATOR) as unit:
        assert unit.last_commit() == before
    assert set(crosswalk(index)) == ({("sis", "1")} if known else set())


@pytest.mark.parametrize(
    "restriction",
    [
        {"kind": "sealed", "begin": "2999-01-01"},
        {"kind": "sealed", "begin": "some day"},
        {"kind": "sealed", "end": "2999-01-01"},
        {"kind": "sealed", "end": "when the court says"},
    ],
)
def test_a_seal_that_can_take_effect_later_needs_the_right_now(index, restriction):
    with pytest.raises(AccessDenied):
        upsert(index, WRITER, "sis", make_child("1", restrictions=[restriction]))


def test_a_seal_that_has_ended_and_other_restrictions_need_no_right(index):
    restrictions = [
        {"kind": "sealed", "begin": "2020-01-01", "end": "2020-02-01"},
        {"kind": "address_confidential"},
        {"kind": "protective_order"},
        {"kind": "opt_out"},
    ]
    assert upsert(index, WRITER, "sis", make_child("1", restrictions=restrictions)).record == "created"


def test_the_date_of_a_record_does_not_get_around_the_right(index):
    ended = {"kind": "sealed", "begin": "2020-01-01", "end": "2020-02-01"}
    with pytest.raises(AccessDenied):
        upsert(index, WRITER, "sis", make_child("1", as_of="2020-01-15T00:00:00Z", restrictions=[ended]))


def test_a_client_with_the_right_seals_and_may_not_expunge(index):
    upsert(index, WRITER, "sis", make_child("1"))
    assert upsert(index, SEALER, "sis", restricted("1", "sealed")).outcome == "refused"
    assert crosswalk(index) == {}
    with pytest.raises(AccessDenied):
        upsert(index, SEALER, "sis", restricted("2", "expunged"))


@pytest.mark.parametrize("snapshot", Snapshot)
def test_a_file_row_that_seals_without_the_right_is_rejected_and_the_rest_is_loaded(index, snapshot):
    load_rows(index, "sis", *many_children(4))
    file = rows(
        *many_children(2),
        restricted("c2", "sealed"),
        restricted("c3", "expunged"),
        restricted("new", "sealed"),
        make_child("other", first_name="Femi"),
    )
    predicted = dry_run(index, WRITER, "sis", file, LoadOptions(snapshot)).receipt
    receipt = load(index, WRITER, "sis", file, LoadOptions(snapshot))
    assert receipt.counts == predicted.counts
    assert (receipt.rejected, receipt.created, receipt.withdrawn, receipt.adds_up) == (3, 1, 0, True)
    assert [(reject.line, reject.field, reject.reason) for reject in receipt.rejects] == [
        (line, "restrictions", "not-permitted") for line in (4, 5, 6)
    ]
    assert {name for _, name in crosswalk(index)} == {"c0", "c1", "c2", "c3", "other"}


def test_a_file_of_a_caller_with_the_rights_seals(index):
    load_rows(index, "sis", *many_children(4))
    assert load(index, SEALER, "sis", rows(restricted("c3", "sealed")), LoadOptions()).updated == 1
    assert {name for _, name in crosswalk(index)} == {"c0", "c1", "c2"}


def test_a_client_seals_few_records_one_by_one_within_a_day(index, manual_clock):
    limited = with_settings(index, seals_per_day=3)
    load_rows(limited, "sis", *many_children(6))
    for number in range(3):
        upsert(limited, SEALER, "sis", restricted(f"c{number}", "sealed"))
    with pytest.raises(ConflictError, match="3 records within 24 hours"):
        upsert(limited, SEALER, "sis", restricted("c3", "sealed"))
    assert len(crosswalk(limited)) == 3
    # A record that is sealed already, and a record without a seal, count for nothing.
    assert upsert(limited, SEALER, "sis", restricted("c0", "sealed")).outcome == "refused"
    assert upsert(limited, SEALER, "sis", make_child("plain")).record == "created"
    upsert(limited, OPERATOR, "sis", restricted("c4", "sealed"))
    manual_clock.advance(days=1, seconds=1)
    upsert(limited, SEALER, "sis", restricted("c3", "sealed"))
    assert {name for _, name in crosswalk(limited)} == {"c5", "plain"}


def test_records_that_a_load_seals_do_not_use_the_allowance_up(index):
    limited = with_settings(index, seals_per_day=1)
    load_rows(limited, "sis", *many_children(60))
    sealed = [restricted(f"c{number}", "sealed") for number in range(5)]
    assert load(limited, SEALER, "sis", rows(*sealed), LoadOptions()).updated == 5
    upsert(limited, SEALER, "sis", restricted("c5", "sealed"))
    with pytest.raises(ConflictError):
        upsert(limited, SEALER, "sis", restricted("c6", "sealed"))


def test_concurrent_callers_share_one_allowance(index):
    limited = with_settings(index, seals_per_day=3)
    load_rows(limited, "sis", *many_children(12))

    calls = [
        partial(upsert, limited, SEALER, "sis", restricted(f"c{number}", "sealed")) for number in range(12)
    ]
    answers = at_once(limited, calls)
    assert [isinstance(answer, ConflictError) for answer in answers].count(True) == 9
    assert len(crosswalk(limited)) == 9


def test_a_refusal_names_no_value_of_the_record(index):
    with pytest.raises(MpiError) as refused:
        upsert(index, WRITER, "sis", restricted("77-31", "sealed", first_name="Xanthippe"))
    assert not {"Xanthippe", "77-31"} & set(str(refused.value).split())
