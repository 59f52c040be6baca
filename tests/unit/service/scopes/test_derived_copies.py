"""What a scope has derived is copied where the shared index would derive the same, and only there."""

import pytest
from sqlalchemy import update

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.core.block_limits import BlockLimits
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.loads.load_undo import undo_load
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.transfer import count_waiting_changes, transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.rekey import rekey
from mpi.storage.tables import ConfigRow, table_of
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    many_children,
    partition_of,
    with_settings,
    with_tuning,
)
from tests.scopes import check_derived_data, open_scoped_indexes

SCOPES = {"education": ("sis", "sis2"), "child_welfare": ("ccwis",)}
CHANGED_BITS = 7_000_000
KEPT_SCORER = {"duckdb_records": 1, "kept_duckdb_pairs": 1}


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, SCOPES, database_url=database_url) as opened:
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


@pytest.fixture
def child_welfare(indexes):
    return indexes.scopes["child_welfare"]


def edges_of(index):
    with index.database.read(OPERATOR) as unit:
        return unit.derived_data.all_edges(index.config_id(unit))


def change_edge(index):
    """Give the only pair of an index another weight than its records have."""
    with index.database.write(OPERATOR, "test") as unit:
        config_id = index.config_id(unit)
        [edge] = unit.derived_data.all_edges(config_id)
        unit.derived_data.delete_edges(config_id, [edge])
        unit.derived_data.add_edges(config_id, {edge: CHANGED_BITS / 1e6})


def test_pairs_of_a_scope_are_copied(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    change_edge(education)
    indexes.sync()
    assert list(edges_of(indexes.shared).values()) == [CHANGED_BITS / 1e6]


def test_under_another_configuration_nothing_is_copied(indexes, education):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    change_edge(education)
    with indexes.shared.database.write(OPERATOR, "test") as unit:
        unit.connection.execute(update(table_of(ConfigRow)).values(digest="another"))
    indexes.sync()
    check_derived_data(indexes.shared)
    assert list(edges_of(indexes.shared).values()) != [CHANGED_BITS / 1e6]


@pytest.mark.parametrize(
    "scoring",
    [
        {},
        {"duckdb_records": 1, "kept_duckdb_pairs": 10**6},
        {"duckdb_records": 1, "duckdb_pairs": 1, "kept_duckdb_pairs": 10**6},
        KEPT_SCORER,
    ],
    ids=str,
)
def test_pairs_with_other_scopes_and_with_the_shared_index_are_found(
    indexes, education, child_welfare, scoring
):
    add_source(indexes.shared, OPERATOR, NewSource("other"))
    upsert(indexes.shared, OPERATOR, "other", make_child("o1"))
    upsert(education, OPERATOR, "sis", make_child("s1"))
    load_rows(education, "sis2", make_child("s2"), *many_children(5))
    upsert(child_welfare, OPERATOR, "ccwis", make_child("c1"))
    shared = with_tuning(indexes.shared, scoring=scoring)
    for code, index in indexes.scopes.items():
        transfer_changes(index, shared, OPERATOR, code)
    check_derived_data(shared)
    links = crosswalk(shared)
    addresses = [("other", "o1"), ("sis", "s1"), ("sis2", "s2"), ("ccwis", "c1")]
    assert len({links[address] for address in addresses}) == 1


@pytest.mark.parametrize("page", [1, 2, 100])
def test_a_record_whose_change_waits_is_compared_as_it_is_stored(indexes, education, page):
    upsert(education, OPERATOR, "sis", make_child("s1"))
    indexes.sync()
    upsert(education, OPERATOR, "sis2", make_child("s2"))
    upsert(education, OPERATOR, "sis2", make_child("s3"))
    # The scope's pairs are now those of another child; the shared index has yet to hear of it.
    upsert(education, OPERATOR, "sis", make_child("s1", postal_code="43999", last_name="Orr"))
    transfer_changes(
        education,
        indexes.shared,
        OPERATOR,
        "education",
        page=page,
        progress=lambda *_: check_derived_data(indexes.shared),
    )
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys()


@pytest.mark.parametrize(
    ("page", "scoring"), [(1, {}), (3, {}), (100, {}), (1, KEPT_SCORER), (3, KEPT_SCORER)], ids=str
)
def test_derived_data_is_right_after_each_page(indexes, education, child_welfare, page, scoring):
    shared = with_tuning(indexes.shared, scoring=scoring)
    load_rows(education, "sis", *(make_child(f"s{n}") for n in range(3)), *many_children(4))
    load_rows(child_welfare, "ccwis", make_child("w1"), make_child("w2", postal_code="43999"))
    receipt = load_rows(education, "sis2", make_child("t1", postal_code="43001"), make_child("s9"))
    indexes.sync()
    load_rows(education, "sis", make_child("s0", first_name="Nora"), make_child("s1", postal_code="43002"))
    withdraw(education, OPERATOR, "sis", "s2")
    rekey(education, OPERATOR, "sis", {"s1": "s7"})
    undo_load(education, OPERATOR, receipt.batch, "wrong file")
    upsert(education, OPERATOR, "sis2", make_child("s9", last_name="Orr"))
    refs = [[RecordRef("sis", "s0")], [RecordRef("sis", "s7")]]
    decide(education, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, refs, "test"))
    load_rows(child_welfare, "ccwis", make_child("w1", first_name="Nora"))
    for code, index in indexes.scopes.items():
        transfer_changes(
            index, shared, OPERATOR, code, page=page, progress=lambda *_: check_derived_data(indexes.shared)
        )
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys() | crosswalk(child_welfare).keys()


def test_an_earlier_content_that_counts_again_is_standardized_as_in_its_scope(indexes, education):
    # On the earlier date the birth date was in the future, and so not believed.
    load_rows(education, "sis", make_child("s1", birth_date="2022-06-01", as_of="2022-01-01"))
    receipt = load_rows(education, "sis", make_child("s1", birth_date="2012-06-01", as_of="2023-01-01"))
    indexes.sync()
    undo_load(education, OPERATOR, receipt.batch, "wrong file")
    indexes.sync()
    check_derived_data(indexes.shared)
    features = []
    for index in (education, indexes.shared):
        with index.database.read(OPERATOR) as unit:
            features.append([own for _, own in unit.derived_data.iterate_features(index.config_id(unit))])
    assert features[0] == features[1]


def test_a_record_whose_search_is_deferred_in_its_scope_is_searched_in_the_shared_index(indexes, education):
    limited = with_settings(education, block_limits=BlockLimits(alarm=1, hard=1))
    for number in range(4):
        upsert(limited, OPERATOR, "sis", make_child(f"s{number}"))
    with education.database.read(OPERATOR) as unit:
        assert unit.large_blocks.count_pending()
    indexes.sync()
    check_derived_data(indexes.shared)
    assert len(set(crosswalk(indexes.shared).values())) == 1
    finish_deferred_searches(education, OPERATOR)
    upsert(education, OPERATOR, "sis2", make_child("t1"))
    indexes.sync()
    check_derived_data(indexes.shared)


def test_progress_names_the_total(indexes, education):
    load_rows(education, "sis", *many_children(7))
    reports = []
    transfer_changes(
        education,
        indexes.shared,
        OPERATOR,
        "education",
        page=3,
        progress=lambda step, done, total: reports.append((step, done, total)),
    )
    assert [report for report in reports if report[0] == "transfer"] == [
        ("transfer", 3, 7),
        ("transfer", 6, 7),
        ("transfer", 7, 7),
    ]


def test_a_second_process_at_work_repeats_nothing(indexes, education):
    load_rows(education, "sis", *many_children(9))

    def take_over_meanwhile(*_):
        transfer_changes(education, indexes.shared, OPERATOR, "education", page=2, progress=ignore_progress)

    result = transfer_changes(
        education, indexes.shared, OPERATOR, "education", page=4, progress=take_over_meanwhile
    )
    assert result.records == 4
    check_derived_data(indexes.shared)
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys()


def test_links_of_an_imported_crosswalk_follow_as_one_step_and_unweighed(indexes, education):
    load_rows(education, "sis", *many_children(6))
    add_source(education, OPERATOR, NewSource("old"))
    old = [OldCrosswalkLine("sis", f"c{number}", str(number // 2)) for number in range(6)]
    import_crosswalk(education, OPERATOR, "old", old)
    indexes.sync()
    assert partition_of(indexes.shared) == partition_of(education)
    with indexes.shared.database.read(OPERATOR) as unit:
        decisions = unit.decisions.by_ids(
            [named.decision.id for named in unit.decisions_in_force.all_in_force()]
        )
    assert len(decisions) == 3
    assert len({decision.step_id for decision in decisions.values()}) == 1
    assert all(decision.evidence == {} for decision in decisions.values())


def test_waiting_changes_are_counted(indexes, education):
    load_rows(education, "sis", *many_children(3))
    assert count_waiting_changes(education, indexes.shared, OPERATOR, "education") == 3
    indexes.sync()
    assert count_waiting_changes(education, indexes.shared, OPERATOR, "education") == 0
