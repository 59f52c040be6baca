"""Emergency access and lapses act alike on both stores."""

import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, make_operator
from mpi.service.access.break_glass import list_uses, review_use
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import resume_agreement, suspend_agreement
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from tests.agreements import permit_emergencies
from tests.index import OPERATOR, make_child, open_test_index, with_settings


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "sis", database_url=database_url) as new_index:
        yield new_index


def test_a_use_is_begun_once_listed_and_reviewed(index):
    permit_emergencies(index)
    key = add_client(index, OPERATOR, "hotline", ["person.read", "break.glass"], None)
    for _ in range(2):
        viewer = authenticate(index, key, "emergency_breakglass", "child missing")
        assert Action.PERSON_READ in viewer.actions
    [use] = list_uses(index, OPERATOR)
    assert (use.client, use.reason, use.reviewed_at) == ("hotline", "child missing", None)
    review_use(index, make_operator("privacy"), "hotline", "justified")
    assert list_uses(index, OPERATOR)[0].review == "privacy: justified"


def test_the_reviewer_reads_each_further_reason_of_an_open_use_once(index):
    permit_emergencies(index)
    key = add_client(index, OPERATOR, "hotline", ["person.read", "break.glass"], None)
    for reason in ("child missing", "second child missing ", "child missing", "second child missing"):
        authenticate(index, key, "emergency_breakglass", reason)
    [use] = list_uses(index, OPERATOR)
    assert use.reasons == ("child missing", "second child missing")
    with index.database.read(OPERATOR) as unit:
        lines = [line.action for line in unit.disclosures.all() if line.client == "hotline"]
    assert lines == ["break.glass", "break.glass.join"]


def test_a_suspended_agreement_permits_nothing_from_the_next_call_on(index):
    key = add_client(index, OPERATOR, "sis-feed", ["record.write"], ["sis"])
    assert authenticate(index, key, None).actions == {Action.RECORD_WRITE}
    suspend_agreement(index, OPERATOR, "house", "breach")
    assert authenticate(index, key, None).actions == frozenset()
    resume_agreement(index, OPERATOR, "house", "cleared")
    assert authenticate(index, key, None).actions == {Action.RECORD_WRITE}


def test_a_use_is_over_once_its_answers_were_about_many_children(index):
    limited = with_settings(index, break_glass_children=2)
    permit_emergencies(index)
    key = add_client(index, OPERATOR, "hotline", ["person.read", "break.glass"], None)
    names = (
        ("Odalys", "Trueblood", "2012-02-02"),
        ("Ignacy", "Valcour", "2010-03-04"),
        ("Bo", "Ek", "2015-05-06"),
    )
    ids = []
    for number, (first, last, birth) in enumerate(names):
        record = make_child(str(number), first_name=first, last_name=last, birth_date=birth)
        ids.append(upsert(index, OPERATOR, "sis", record).enterprise_id)
    assert len(set(ids)) == 3

    def look_up(eid):
        viewer = authenticate(limited, key, "emergency_breakglass", "child missing")
        return look_up_person(limited, viewer, eid)

    for eid in (ids[0], ids[0], ids[0], ids[1]):
        assert look_up(eid).enterprise_id == eid
    with pytest.raises(AccessDenied) as refused:
        look_up(ids[2])
    assert refused.value.reason == "break-glass-ended"
