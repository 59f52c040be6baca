"""Parts of an incident: what is apart, what is joined again, and who was told wrongly."""

from mpi.service.incidents.parts import are_joined_again, find_joined, is_told_wrongly, regroup
from mpi.storage.repositories.access.incidents import IncidentRecord


def make_records(*parts, person=10, first=1):
    """Return records of one person, each in a part."""
    return [IncidentRecord(number, person, part) for number, part in enumerate(parts, first)]


def parts_of(records):
    return [record.part for record in records]


def test_parts_stay_while_no_two_are_joined():
    records = make_records(10, 10, 11)
    assert regroup(records, {1: 10, 2: 12, 3: 13}) == records, "a later step parted the first part"
    assert regroup(records, {}) == records, "records that take no part are not joined"
    assert find_joined(records, records) == set()
    assert not are_joined_again(records)


def test_records_that_one_person_holds_again_are_of_one_part():
    records = make_records(10, 11, 12)
    partly = regroup(records, {1: 10, 2: 10, 3: 12})
    assert parts_of(partly) == [10, 10, 12]
    assert find_joined(records, partly) == {1, 2}
    assert not are_joined_again(partly)
    wholly = regroup(records, {1: 11, 2: 11, 3: 11})
    assert find_joined(records, wholly) == {1, 2, 3}
    assert are_joined_again(wholly)


def test_a_record_that_takes_no_part_any_more_stays_apart():
    assert not are_joined_again(regroup(make_records(10, 11, 12), {1: 10, 2: 10}))


def test_persons_of_one_incident_are_reversed_each_for_itself():
    records = make_records(10, 11) + make_records(20, 21, person=20, first=3)
    regrouped = regroup(records, {1: 10, 2: 10, 3: 20, 4: 21})
    assert parts_of(regrouped) == [10, 10, 20, 21]
    assert not are_joined_again(regrouped)
    assert not is_told_wrongly({1, 2}, regrouped)
    assert is_told_wrongly({3, 4}, regrouped)


def test_who_was_told_of_two_parts_or_of_a_changed_id_was_told_wrongly():
    records = make_records(10, 11) + make_records(20, 21, person=20, first=3)
    assert is_told_wrongly({1, 2}, records)
    assert is_told_wrongly({2}, records)
    assert not is_told_wrongly({1}, records)
    assert not is_told_wrongly({1, 3}, records), "of two children, each with its ID"
