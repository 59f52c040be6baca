"""Research IDs on both stores: one child has one ID in a project, and another one in each other project."""

import re

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.maintenance.payload_encryption import rotate_payload_key
from mpi.service.records.upsert import upsert
from mpi.service.research.destruction import attest_destruction, read_certificate
from mpi.service.research.extract import make_extract
from mpi.service.research.projects import set_terms, show_project
from mpi.service.rights.research_ids import end_project, export_research_ids, list_projects, open_project
from tests.index import OPERATOR, all_stored_bytes, crosswalk, make_child, many_children
from tests.unit.service.research.test_extract import OF_SCHOOLS, make_agreement, make_terms, put_in_force


@pytest.fixture
def project(index):
    """A project over two records of one child and one of another child."""
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(index, OPERATOR, "ccwis", make_child("C-1"))
    upsert(index, OPERATOR, "sis", {**many_children(1)[0], "local_id": "2"})
    open_project(index, OPERATOR, "reading", "Reading in care", "D. Director")
    return "reading"


def rows(index, code):
    return list(export_research_ids(index, OPERATOR, code))


def test_records_of_one_child_share_an_id_that_tells_nothing(index, project):
    exported = rows(index, project)
    assert len(exported) == 3
    assert len({row.research_id for row in exported}) == 2
    assert len({row.record_id for row in exported}) == 3
    known = {*crosswalk(index).values(), "1", "2", "C-1"}
    for row in exported:
        assert re.fullmatch("[0-9a-hjkmnp-tv-z]{26}", row.research_id)
        assert not known & {row.research_id, row.record_id}
    assert rows(index, project) == exported


def test_two_projects_cannot_be_joined(index, project):
    open_project(index, OPERATOR, "other", "Another study", "D. Director")
    ids = [
        {part for row in rows(index, code) for part in (row.research_id, row.record_id)}
        for code in (project, "other")
    ]
    assert not ids[0] & ids[1]


def test_an_opted_out_record_is_left_out(index, project):
    upsert(index, OPERATOR, "sis", {**make_child("1"), "restrictions": [{"kind": "opt_out"}]})
    assert len(rows(index, project)) == 2


def test_the_key_is_destroyed_with_the_project(index, project):
    with index.database.read(OPERATOR) as unit:
        salt = unit.research_projects.find(project).salt
    end_project(index, OPERATOR, project, "D. Director")
    with index.database.read(OPERATOR) as unit:
        assert unit.research_projects.find(project).salt is None
    assert salt.encode() not in all_stored_bytes(index)
    with pytest.raises(ConflictError, match="key is destroyed"):
        rows(index, project)
    with pytest.raises(ConflictError, match="key is destroyed"):
        end_project(index, OPERATOR, project, "D. Director")
    with pytest.raises(ConflictError, match="has or had"):
        open_project(index, OPERATOR, project, "Again", "D. Director")
    assert [each["ended_by"] for each in list_projects(index, OPERATOR)] == ["D. Director"]


def test_an_encrypted_index_stores_no_readable_key_and_keeps_its_ids(index, project):
    with index.database.read(OPERATOR) as unit:
        salt = unit.research_projects.find(project).salt
    assert salt.encode() not in all_stored_bytes(index)
    before = rows(index, project)
    rotate_payload_key(index, OPERATOR)
    assert rows(index, project) == before


def test_only_who_may_export_the_index_has_projects(index, project):
    viewer = Viewer("reader", None, frozenset({Action.RECORD_READ}), None)
    for call in (
        lambda: list_projects(index, viewer),
        lambda: export_research_ids(index, viewer, project),
        lambda: end_project(index, viewer, project, "X"),
    ):
        with pytest.raises(AccessDenied):
            call()


@pytest.mark.parametrize("code", ["", "Reading", "a b", "x" * 33, "é", "a\0"])
def test_a_faulty_code_is_refused(index, project, code):
    with pytest.raises(InputError):
        open_project(index, OPERATOR, code, "T", "X")
    with pytest.raises(NotFoundError):
        rows(index, code)


def test_an_extract_and_its_certificate_are_recorded(index, project):
    put_in_force(index, make_agreement("study", OF_SCHOOLS))
    set_terms(index, OPERATOR, project, make_terms("study", "sex", "birth_date"))
    extract = make_extract(index, OPERATOR, project)
    assert (extract.rows, extract.children) == (2, 2)
    certificate = attest_destruction(index, OPERATOR, project, "B", "overwritten", clock.now().date())
    history = show_project(index, OPERATOR, project)
    assert [each["digest"] for each in history.extracts] == [extract.digest]
    assert read_certificate(index, history.destroyed) == certificate
