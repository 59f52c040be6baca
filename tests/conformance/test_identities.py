"""Lists by token, and unique IDs that the index assigns, on both stores."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.api.edfi.creation import create_identity
from mpi.api.edfi.lists import RESULTS_PATH, answer_find, answer_results, answer_search, get_identity
from mpi.api.edfi.outcomes import IdentityStatus
from mpi.api.edfi.schemas import IdentityCreateRequest, IdentitySearchRequest
from mpi.domain.errors import ConflictError, NotFoundError, SearchLimitError
from mpi.domain.unique_ids import IdPattern
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import IdentitySettings, SearchLimits
from mpi.service.records.identities import MAX_ATTEMPTS, find_placeholder
from mpi.service.records.identity_batches import (
    LIFETIME,
    MAX_BATCHES,
    Batch,
    BatchKind,
    TooManyBatchesError,
    begin_batch,
    load_batch,
    save_progress,
)
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.index import OPERATOR, all_stored_bytes, expunge, make_child, with_settings

SIS = Viewer("sis-vendor", "enrolment_coordination", frozenset(Action), frozenset({"sis"}))
STATE = IdPattern("OH########*")
CHILD = {"LastSurname": "Okonkwo", "FirstName": "Amara", "BirthDate": "2014-03-09", "SexType": "Female"}


@pytest.fixture
def identities(index):
    """The index, with two items in one call and any number of searches."""
    return with_settings(
        index,
        identities=IdentitySettings(answer_size=2, sources=frozenset({"sis"})),
        search_limits=SearchLimits(10_000, 10_000),
    )


@pytest.fixture
def assigning(identities):
    """The same index, which assigns unique IDs."""
    return with_settings(identities, identities=replace(identities.settings.identities, pattern=STATE))


def create(index, viewer=SIS, **changes):
    outcome = create_identity(index, viewer, IdentityCreateRequest.model_validate({**CHILD, **changes}))
    assert outcome.status == IdentityStatus.SUCCESS, outcome
    return outcome.data


def search(index, *students, viewer=SIS):
    return answer_search(index, viewer, [IdentitySearchRequest.model_validate(each) for each in students])


def token_of(outcome):
    assert outcome.data is None
    return outcome.location.removeprefix(RESULTS_PATH)


def answered_ids(outcome):
    return [[each["UniqueId"] for each in item["Responses"]] for item in outcome.data["SearchResponses"]]


def test_a_long_list_is_answered_by_token_in_the_order_of_the_request(identities):
    first = create(identities)
    second = create(identities, FirstName="Obi", BirthDate="2011-02-03")
    nobody = {**CHILD, "LastSurname": "Quist"}
    other = {**CHILD, "FirstName": "Obi", "BirthDate": "2011-02-03"}
    token = token_of(search(identities, CHILD, other, nobody, CHILD, other))
    for _ in range(2):
        waiting = answer_results(identities, SIS, token)
        assert waiting.status == IdentityStatus.INCOMPLETE
        assert waiting.location == RESULTS_PATH + token
        assert waiting.data == {"Status": "Incomplete", "SearchResponses": []}
    for _ in range(2):  # an answer that was lost on its way can be asked for again
        complete = answer_results(identities, SIS, token)
        assert complete.status == IdentityStatus.SUCCESS
        assert complete.data["Status"] == "Complete"
        assert answered_ids(complete) == [[first], [second], [], [first], [second]]


def test_a_long_list_of_ids_is_answered_by_token(identities):
    known = create(identities)
    token = token_of(answer_find(identities, SIS, [known, "x", known]))
    assert answer_results(identities, SIS, token).status == IdentityStatus.INCOMPLETE
    assert answered_ids(answer_results(identities, SIS, token)) == [[known], [], [known]]


def test_a_token_is_its_clients_alone_and_expires(identities, manual_clock):
    token = begin_batch(identities, SIS, Batch(BatchKind.FIND, ("x",)))
    stranger = replace(SIS, client="other-vendor")
    for viewer, asked in ((stranger, token), (SIS, "no-such"), (SIS, ""), (SIS, "\0"), (SIS, "x" * 9_999)):
        with pytest.raises(NotFoundError):
            load_batch(identities, viewer, asked)
    assert load_batch(identities, SIS, token).items == ("x",)
    manual_clock.now += LIFETIME + timedelta(seconds=1)
    with pytest.raises(NotFoundError):
        load_batch(identities, SIS, token)
    begin_batch(identities, stranger, Batch(BatchKind.FIND, ("y",)))
    with identities.database.read(OPERATOR) as unit:
        assert unit.idempotent_answers.count_prefixed(SIS.client, "") == 0


def test_of_two_calls_at_once_the_list_keeps_what_came_further(identities):
    token = begin_batch(identities, SIS, Batch(BatchKind.FIND, ("a", "b", "c")))
    seen_by_both = load_batch(identities, SIS, token)
    further = seen_by_both.add_answer("a").add_answer("b")
    save_progress(identities, SIS, token, seen_by_both, further)
    save_progress(identities, SIS, token, seen_by_both, seen_by_both.add_answer("a"))
    assert load_batch(identities, SIS, token) == further


def test_a_client_has_a_bounded_number_of_lists(identities, manual_clock):
    batch = Batch(BatchKind.FIND, ("x",))
    for _ in range(MAX_BATCHES):
        begin_batch(identities, SIS, batch)
    with pytest.raises(TooManyBatchesError):
        begin_batch(identities, SIS, batch)
    begin_batch(identities, replace(SIS, client="other-vendor"), batch)
    manual_clock.now += LIFETIME + timedelta(seconds=1)
    begin_batch(identities, SIS, batch)


def test_an_expunge_deletes_all_lists(identities):
    upsert(identities, OPERATOR, "sis", make_child("gone"))
    token = token_of(search(identities, *[{**CHILD, "FirstName": "Zzcanary"}] * 3))
    expunge(identities, "sis", {"local_id": "gone", "first_name": "X"})
    with pytest.raises(NotFoundError):
        load_batch(identities, SIS, token)


def test_what_is_searched_for_is_stored_encrypted(identities):
    search(identities, *[{**CHILD, "FirstName": "Zzcanary"}] * 3)
    assert b"Zzcanary" not in all_stored_bytes(identities)


def test_a_list_waits_where_its_client_has_searched_too_often(identities, manual_clock):
    limited = with_settings(identities, search_limits=SearchLimits(per_minute=1, per_child=9))
    outcome = search(limited, CHILD, CHILD)
    token = token_of(outcome)
    waiting = answer_results(limited, SIS, token)
    assert (waiting.status, waiting.retry_after_s) == (IdentityStatus.INCOMPLETE, 60)
    with pytest.raises(SearchLimitError):
        search(limited, CHILD)
    manual_clock.now += timedelta(seconds=61)
    assert answer_results(limited, SIS, token).status == IdentityStatus.SUCCESS


def test_a_search_that_found_a_child_too_often_is_refused_and_the_list_goes_on(identities):
    known = create(identities)
    limited = with_settings(identities, search_limits=SearchLimits(per_minute=999, per_child=1))
    complete = search(limited, CHILD, CHILD)
    assert [item["Errors"][0]["Code"] for item in complete.data["SearchResponses"] if "Errors" in item] == [
        "too-many-searches"
    ]
    assert answered_ids(complete)[0] == [known]


def test_an_assigned_id_is_the_same_for_the_same_request_and_is_compared_exactly(assigning):
    unique_id = create(assigning)
    assert STATE.is_id(unique_id)
    assert create(assigning) == unique_id
    assert get_identity(assigning, SIS, unique_id).data["UniqueId"] == unique_id
    assert answered_ids(search(assigning, CHILD)) == [[unique_id]]
    for text in (unique_id.lower(), f" {unique_id}", unique_id[:-1], "T7K3-M92Q-X0HN"):
        assert get_identity(assigning, SIS, text).status == IdentityStatus.NOT_FOUND


def test_a_student_without_an_assigned_id_has_none_until_one_is_asked_for(assigning):
    record = make_child(
        "own-1", first_name="Amara", last_name="Okonkwo", birth_date="2014-03-09", postal_code=None
    )
    person = upsert(assigning, OPERATOR, "sis", record).enterprise_id
    [found] = search(assigning, CHILD).data["SearchResponses"][0]["Responses"]
    assert "UniqueId" not in found
    unique_id = create(assigning)
    [found] = search(assigning, CHILD).data["SearchResponses"][0]["Responses"]
    assert found["UniqueId"] == unique_id
    # Another request about the same student makes no second ID.
    assert create(assigning, MiddleName="Grace") == unique_id
    assert upsert(assigning, OPERATOR, "sis", record).enterprise_id == person


def test_the_later_of_two_assigned_ids_answers_the_earlier_after_a_merge(assigning):
    earlier = create(assigning)
    later = create(assigning, FirstName="Obi", BirthDate="2011-02-03")
    with assigning.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis").id
        records = [stored.id for stored in unit.records.find_by_local_ids(source, [earlier, later]).values()]
        persons = unit.persons.by_ids(unit.persons.current_persons(records).values())
    merge(assigning, OPERATOR, [person.eid for person in persons.values()], StepOptions("same-child"))
    assert answered_ids(answer_find(assigning, SIS, [later, earlier])) == [[earlier], [earlier]]


def test_a_taken_id_is_passed_over(assigning):
    fields = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
    drawn, is_stored = find_placeholder(assigning, OPERATOR, "sis", fields)
    assert not is_stored
    upsert(assigning, OPERATOR, "sis", make_child(drawn, first_name="Somebody", last_name="Else"))
    other, is_stored = find_placeholder(assigning, OPERATOR, "sis", fields)
    assert not is_stored
    assert other != drawn
    upsert(assigning, OPERATOR, "sis", {**fields, "local_id": other})
    assert find_placeholder(assigning, OPERATOR, "sis", fields) == (other, True)


def test_a_pattern_without_a_free_id_says_so(assigning):
    fields = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
    for number in range(MAX_ATTEMPTS):
        drawn, is_stored = find_placeholder(assigning, OPERATOR, "sis", fields)
        assert not is_stored
        upsert(assigning, OPERATOR, "sis", make_child(drawn, last_name=f"Else{'x' * number}"))
    with pytest.raises(ConflictError, match="MPI_EDFI_ID_PATTERN"):
        find_placeholder(assigning, OPERATOR, "sis", fields)


def test_a_withdrawn_placeholder_lives_again_with_its_id(identities):
    unique_id = create(identities)
    with identities.database.read(OPERATOR) as unit:
        person = unit.persons.find_by_eid(unique_id)
        [label] = unit.records.labels(unit.persons.members([person.id])[person.id]).values()
    withdraw(identities, OPERATOR, "sis", label.local_id)
    assert get_identity(identities, SIS, unique_id).status == IdentityStatus.NOT_FOUND
    assert create(identities) == unique_id
