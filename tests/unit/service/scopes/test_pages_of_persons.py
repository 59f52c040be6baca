"""A page of a sync takes whole persons over, and what it takes early is not lost."""

import pytest

from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.transfer import transfer_changes
from tests.index import OPERATOR, crosswalk, load_rows, many_children, partition_of
from tests.scopes import check_derived_data, open_scoped_indexes

SCOPES = {"education": ("sis", "sis2")}
CHILDREN = 6


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, SCOPES, database_url=database_url) as opened:
        load_rows(opened.scopes["education"], "sis", *many_children(CHILDREN))
        load_rows(opened.scopes["education"], "sis2", *many_children(CHILDREN))
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


def follow(indexes, page, after_page):
    transfer_changes(
        indexes.scopes["education"], indexes.shared, OPERATOR, "education", page=page, progress=after_page
    )


def count_members(index):
    return [len(records) for records in partition_of(index)]


def has_same_partition(indexes):
    return partition_of(indexes.shared) == partition_of(indexes.scopes["education"])


@pytest.mark.parametrize("page", [1, 4])
def test_a_person_is_taken_over_whole(indexes, page):
    sizes = []
    follow(indexes, page, lambda *_: sizes.append(count_members(indexes.shared)))
    assert all(set(members) == {2} for members in sizes)
    assert len(sizes[0]) < CHILDREN
    assert has_same_partition(indexes)


def test_later_changes_of_a_record_that_came_early_are_not_taken_over_again(indexes, education):
    result = transfer_changes(education, indexes.shared, OPERATOR, "education", page=4)
    assert result.records == 2 * CHILDREN


@pytest.mark.parametrize("page", [1, 4])
def test_a_record_that_came_early_and_changes_again_follows(indexes, education, page):
    local_id = many_children(CHILDREN)[0]["local_id"]
    changed = []

    def change_once(*_):
        check_derived_data(indexes.shared)
        if not changed:
            changed.append(withdraw(education, OPERATOR, "sis2", local_id))

    follow(indexes, page, change_once)
    assert ("sis2", local_id) not in crosswalk(indexes.shared)
    assert has_same_partition(indexes)
    check_derived_data(indexes.shared)


@pytest.mark.parametrize("page", [1, 4])
def test_an_interrupted_transfer_loses_nothing_that_came_early(indexes, education, page):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(indexes, page, interrupt)
    withdraw(education, OPERATOR, "sis2", many_children(CHILDREN)[0]["local_id"])
    follow(indexes, page, lambda *_: check_derived_data(indexes.shared))
    assert crosswalk(indexes.shared).keys() == crosswalk(education).keys()
    assert has_same_partition(indexes)
