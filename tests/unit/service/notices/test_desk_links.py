"""Links into the pages: opaque, short-lived, and only for who may see the page."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError, UnmetConditionError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.notices.desk_links import LIFETIME, LinkTarget, link_child, link_question, open_link
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.desk import ANN, SIS_STEWARD, add_doubtful_pair, only_question
from tests.index import OPERATOR, all_stored_bytes, crosswalk, make_child
from tests.unit.service.stewardship.test_decisions import upsert_record

SIS = Viewer("sis-client", None, frozenset({Action.CROSSWALK_READ}), frozenset({"sis"}))
CCWIS_STEWARD = Viewer("cc", None, SIS_STEWARD.actions, frozenset({"ccwis"}))


def token(link):
    return link.path.removeprefix("/go/")


def test_a_link_opens_the_child_and_names_nobody(index):
    upsert_record(index, "sis:1")
    link = link_child(index, SIS, RecordRef("sis", "1"))
    eid = crosswalk(index)["sis", "1"]
    for text in (eid, "sis", "Okonkwo"):
        assert text.lower() not in link.path.lower()
    assert open_link(index, ANN, token(link)) == LinkTarget(eid, None)
    assert open_link(index, SIS_STEWARD, token(link)) == LinkTarget(eid, None)
    assert token(link).encode() not in all_stored_bytes(index)


def test_a_link_opens_nothing_for_who_may_not_see_the_record(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    assert len(set(crosswalk(index).values())) == 1
    link = link_child(index, SIS, RecordRef("sis", "1"))
    no_person = Viewer("no", None, frozenset({Action.TASK_READ}), None)
    for viewer, text in ((CCWIS_STEWARD, token(link)), (no_person, token(link)), (ANN, "x" * 43), (ANN, "é"),
                         (ANN, "y" * 5_000)):  # fmt: skip
        with pytest.raises(NotFoundError, match="has expired, or you may not see"):
            open_link(index, viewer, text)


def test_a_link_expires_and_follows_its_record(index):
    upsert_record(index, "sis:1")
    link = link_child(index, SIS, RecordRef("sis", "1"))
    with clock.fixed_clock(clock.now() + LIFETIME - timedelta(seconds=5)):
        assert open_link(index, ANN, token(link)).enterprise_id
    with clock.fixed_clock(clock.now() + LIFETIME):
        with pytest.raises(NotFoundError):
            open_link(index, ANN, token(link))
        link_child(index, SIS, RecordRef("sis", "1"))
        with index.database.read(OPERATOR) as unit:
            assert unit.desk_links.find("", "") is None
    upsert(index, OPERATOR, "sis", {**make_child("1"), "restrictions": [{"kind": "sealed"}]})
    with pytest.raises(NotFoundError):
        open_link(index, ANN, token(link))


def test_no_link_is_made_to_what_the_client_may_not_see(index):
    upsert_record(index, "ccwis:1")
    upsert_record(index, "sis:2", first_name="Bo", last_name="Zwart", birth_date="2009-01-02")
    withdraw(index, OPERATOR, "sis", "2")
    for record in (RecordRef("ccwis", "1"), RecordRef("sis", "none")):
        with pytest.raises(NotFoundError):
            link_child(index, SIS, record)
    with pytest.raises(AccessDenied):
        link_question(index, SIS, "pair:1:2")


def test_a_question_opens_only_for_who_sees_it(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    link = link_question(index, ANN, key)
    assert open_link(index, ANN, token(link)) == LinkTarget(None, key)
    with pytest.raises(NotFoundError):
        open_link(index, SIS_STEWARD, token(link))


def test_a_child_outside_the_viewers_conditions_is_as_unknown_as_a_link_that_never_was(index):
    upsert_record(index, "sis:1")
    link = link_child(index, SIS, RecordRef("sis", "1"))
    caller = Caller("caseworker", frozenset(), frozenset({"sis"}), None, None, Role.CASEWORKER)
    caseworker = build_viewer(caller, "case_planning", None, clock.now().date())
    assert caseworker.rights.conditions
    answers = []
    for text in (token(link), "x" * 43):
        with pytest.raises(UnmetConditionError) as refused:
            open_link(index, caseworker, text)
        answers.append((str(refused.value), refused.value.call))
    assert answers[0] == answers[1]


def test_opening_a_child_is_on_the_ledger(index):
    upsert_record(index, "sis:1")
    link = link_child(index, SIS, RecordRef("sis", "1"))
    open_link(index, ANN, token(link))
    with index.database.read(OPERATOR) as unit:
        [line] = [line for line in unit.disclosures.all() if line.client == "ann"]
        [label] = unit.records.labels(line.record_ids).values()
    assert (line.action, line.fields) == (Action.CROSSWALK_READ, ("enterprise_id",))
    assert (label.source, label.local_id) == ("sis", "1")
