"""A grant on the basis of consent, on both stores: it discloses a record only while a consent is in force."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mpi.api.pages.desk.person_view import build_person_page
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.policy.agreement import Grant
from mpi.policy.cases.consent import Consent, Signer
from mpi.policy.parties import ALL
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.agreements.terms import find_terms
from mpi.service.core.visibility import find_record_numbers
from mpi.service.core.visible_features import load_visible_features
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.legal.disclosure_consents import list_consents, record_consent, revoke_consent
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.agreements import AGENCY, SCHOOL, make_dsa
from tests.index import OPERATOR, SECOND_PERSON, expunge, make_child, open_test_index

TODAY = date(2026, 6, 1)
BY_CONSENT = Grant(
    discloser="district",
    recipient="agency",
    population=ALL,
    legal_basis="consent",
    purposes=frozenset({"case_planning", "court_report"}),
    output_fields=frozenset(
        {"local_id", "first_name", "last_name", "birth_date", "grade", "school_id", "flags.english_learner"}
    ),
    matching_fields=frozenset({"first_name", "last_name", "birth_date"}),
)
SIGNED = Consent(
    agreement="dsa-1",
    recipient="agency",
    purposes=frozenset({"case_planning"}),
    fields=frozenset({"first_name", "grade", "flags.english_learner"}),
    signer=Signer.PARENT,
    signed=date(2026, 5, 20),
    ends=date(2026, 6, 30),
    reference="CF-2026-0417",
)
OFFICE = Viewer("district-office", None, frozenset({Action.CONSENT_RECORD}), frozenset({"sis"}))
FLAGS = [
    {"population": "english_learner", "value": "Y", "definition": "ESSA"},
    {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"},
]
PUPIL = make_child("s1", grade="05", school_id="S1", flags=FLAGS)
OPT_OUT = [{"kind": "opt_out", "begin": "2026-01-01"}]
CARE, SCHOOL_RECORD = RecordRef("ccwis", "c1"), RecordRef("sis", "s1")


@pytest.fixture(autouse=True)
def today():
    """Let a test happen on one day, which it may move."""

    class Day:
        value = TODAY

        def moment(self):
            return datetime(self.value.year, self.value.month, self.value.day, 12, tzinfo=UTC)

    day = Day()
    with clock.set_clock(day.moment):
        yield day


@pytest.fixture
def index(tmp_path, database_url):
    """A test index of a school's and a care agency's source, on each store."""
    with open_test_index(tmp_path / "home", "sis", secret="5" * 64, database_url=database_url) as index:
        # The conditions of a caseworker are read from sources of the kind of a care agency.
        add_source(index, OPERATOR, NewSource("ccwis", kind="ccwis"))
        yield index


@pytest.fixture
def eid(index, today):
    """The enterprise ID of a child in care whom the school knows too, under an agreement on consent."""
    propose_version(index, OPERATOR, make_dsa(grants=(BY_CONSENT,), parties=(SCHOOL, AGENCY)))
    approve_version(index, SECOND_PERSON, "dsa-1")
    upsert(index, OPERATOR, "sis", PUPIL)
    return upsert(index, OPERATOR, "ccwis", make_child("c1", flags=FLAGS[1:])).enterprise_id


def caseworker(index, purpose="case_planning"):
    """Return a caseworker of the agency who was granted both sources by name."""
    day = clock.now().date()
    with index.database.read(OPERATOR) as unit:
        terms = find_terms(unit, "dsa-1", day)
    caller = Caller("ana", frozenset(), frozenset({"ccwis", "sis"}), "dsa-1", 1, Role.CASEWORKER)
    viewer = build_viewer(caller, purpose, terms, day)
    # No role of people has a search or a feed today.
    return replace(viewer, actions=viewer.actions | {Action.PERSON_SEARCH})


def consent(index, local_id="s1", viewer=OFFICE, **changes):
    return record_consent(index, viewer, "sis", local_id, replace(SIGNED, **changes))


def answers(index, eid, purpose="case_planning"):
    """Return all that a caseworker can learn of a child."""
    viewer = caseworker(index, purpose)

    def answer(call, *arguments):
        try:
            return repr(call(index, viewer, *arguments))
        except NotFoundError as error:
            return str(error)

    return [
        answer(look_up_person, eid),
        answer(look_up_lineage, eid),
        answer(look_up_golden_record, eid),
        answer(explain_person, eid),
        answer(build_person_page, eid),
        answer(read, "sis", "s1"),
        answer(look_up_crosswalk, "sis", "s1"),
        answer(read_change_feed),
        answer(search_persons, {**PUPIL, "local_id": None}),
    ]


def is_hidden(index, eid, purpose="case_planning"):
    """Return whether no answer tells of the school's record."""
    told = answers(index, eid, purpose)
    assert told[5] == told[6] == "source 'sis' has no such record"
    return all("'s1'" not in answer and "'05'" not in answer for answer in told)


def test_without_a_consent_the_record_is_as_unknown_as_one_that_does_not_exist(index, eid):
    assert is_hidden(index, eid)
    viewer = caseworker(index)
    assert look_up_person(index, viewer, eid).records == (CARE,)
    with pytest.raises(NotFoundError) as unknown:
        read(index, viewer, "sis", "no-such")
    with pytest.raises(NotFoundError) as hidden:
        read(index, viewer, "sis", "s1")
    assert str(hidden.value) == str(unknown.value)


def test_a_consent_discloses_exactly_its_fields(index, eid):
    consent(index)
    viewer = caseworker(index)
    view = look_up_person(index, viewer, eid)
    assert set(view.records) == {CARE, SCHOOL_RECORD}
    assert {(flag.source, flag.population) for flag in view.flags} == {
        ("ccwis", "foster_care"), ("sis", "english_learner"),
    }  # fmt: skip
    record = read(index, viewer, "sis", "s1")["record"]
    assert record.keys() == {"first_name", "grade", "flags"}
    assert [flag["population"] for flag in record["flags"]] == ["english_learner"]
    golden = look_up_golden_record(index, viewer, eid)
    assert {value.attribute for value in golden.values if value.record == SCHOOL_RECORD} <= {
        "first_name", "grade", "flags",
    }  # fmt: skip
    assert verify(index, OPERATOR) == []


def test_a_consent_compares_exactly_its_fields(index, eid):
    numbers = find_number(index, "s1")
    consent(index)
    with index.database.read(caseworker(index)) as unit:
        [seen] = load_visible_features(unit, index, numbers).by_record.values()
    assert seen.given
    assert not seen.surname
    assert not seen.birth_date


def test_a_list_shows_the_name_that_a_consent_discloses(index, eid):
    with index.database.read(OPERATOR) as unit:
        terms = find_terms(unit, "dsa-1", TODAY)
    # Lists show no names to a caseworker, whose conditions hold for one child at a time.
    rights = frozenset({Action.PERSON_READ})
    portal = Caller("portal", rights, frozenset({"ccwis", "sis"}), "dsa-1", 1, None, party="agency")
    viewer = build_viewer(portal, "case_planning", terms, TODAY)

    upsert(index, OPERATOR, "ccwis", make_child("c1", flags=FLAGS[1:], birth_date=None))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [[CARE, SCHOOL_RECORD]], "test"))

    def birth_date():
        found = look_up_child_names(index, viewer, Action.PERSON_READ, [CARE])
        return found.by_record[CARE].birth_date

    assert birth_date() is None
    consent(index)
    assert birth_date() is None, "the consent does not name it"
    consent(index, fields=frozenset({"birth_date"}), reference="CF-2026-0418")
    assert birth_date() == PUPIL["birth_date"]


def find_number(index, local_id):
    """Return the record number of a school's record."""
    with index.database.read(OPERATOR) as unit:
        [numbers] = find_record_numbers(unit, [[RecordRef("sis", local_id)]])
    return numbers


def test_a_consent_is_for_its_purpose_alone(index, eid):
    consent(index)
    assert is_hidden(index, eid, "court_report")
    assert not is_hidden_safely(index, eid)


def is_hidden_safely(index, eid):
    return "'s1'" not in repr(look_up_person(index, caseworker(index), eid))


@pytest.mark.parametrize(
    ("day", "is_in_force"),
    [(date(2026, 6, 30), True), (date(2026, 7, 1), False)],
)
def test_a_consent_ends_by_the_clock(index, eid, today, day, is_in_force):
    consent(index)
    today.value = day
    assert is_hidden_safely(index, eid) is not is_in_force
    assert is_in_force or is_hidden(index, eid)


def test_a_revoked_consent_discloses_nothing_from_the_next_call_on(index, eid):
    before = look_up_crosswalk(index, OPERATOR, "sis", "s1")
    code = consent(index)
    assert not is_hidden_safely(index, eid)
    with pytest.raises(InputError, match="another paper"):
        revoke_consent(index, OFFICE, code, "CF-2026-0418")
    revoke_consent(index, OFFICE, code, "CF-2026-0417")
    assert is_hidden(index, eid)
    assert look_up_crosswalk(index, OPERATOR, "sis", "s1") == before
    with pytest.raises(ConflictError, match="revoked already"):
        revoke_consent(index, OFFICE, code)
    [listed] = list_consents(index, OFFICE, "sis", "s1")
    assert (listed.code, listed.recorded_by, listed.revoked_at is None) == (code, "district-office", False)


def test_an_opt_out_outweighs_a_consent(index, eid):
    consent(index)
    upsert(index, OPERATOR, "sis", {**PUPIL, "restrictions": OPT_OUT})
    assert is_hidden(index, eid)


def test_a_consent_is_about_one_record_and_not_about_others_of_the_child(index, eid):
    """A false link must not disclose another child's record."""
    upsert(index, OPERATOR, "sis", {**PUPIL, "local_id": "s2"})
    assert look_up_crosswalk(index, OPERATOR, "sis", "s2").enterprise_id == eid
    consent(index)
    viewer = caseworker(index)
    assert set(look_up_person(index, viewer, eid).records) == {CARE, SCHOOL_RECORD}
    with pytest.raises(NotFoundError):
        read(index, viewer, "sis", "s2")


def test_feed_and_export_have_no_record_of_a_source_that_is_disclosed_by_consent(index, eid):
    consent(index)
    viewer = caseworker(index)
    assert {event.source for event in read_change_feed(index, viewer).events} == {"ccwis"}
    exporter = replace(viewer, actions=viewer.actions | {Action.CROSSWALK_EXPORT})
    assert {row.source for row in export_crosswalk(index, exporter)} == {"ccwis"}


def test_an_agreement_that_ends_takes_its_consents_with_it(index, eid):
    consent(index)
    propose_version(
        index, OPERATOR, make_dsa(grants=(replace(BY_CONSENT, output_fields=frozenset({"grade"})),))
    )
    approve_version(index, SECOND_PERSON, "dsa-1")
    assert read(index, caseworker(index), "sis", "s1")["record"] == {"grade": "05"}
    propose_version(
        index, OPERATOR, make_dsa(grants=(replace(BY_CONSENT, purposes=frozenset({"court_report"})),))
    )
    approve_version(index, SECOND_PERSON, "dsa-1")
    assert caseworker(index).actions == {Action.PERSON_SEARCH}


def test_a_sealed_record_stays_sealed_and_a_destroyed_one_loses_its_consents(index, eid):
    consent(index)
    upsert(index, OPERATOR, "sis", {**PUPIL, "restrictions": [{"kind": "sealed"}]})
    assert is_hidden(index, eid)
    expunge(index, "sis", PUPIL)
    with index.database.read(OPERATOR) as unit:
        assert unit.disclosure_consents.in_force([1, 2, 3], "dsa-1", "2026-06-01") == {}
    assert verify(index, OPERATOR) == []


def test_the_recipient_cannot_record_a_consent(index, eid):
    rights = frozenset({Action.CONSENT_RECORD})
    key = add_client(index, OPERATOR, "agency", rights, ("ccwis",), agreement="dsa-1")
    viewer = authenticate(index, key, None)
    with pytest.raises(AccessDenied):
        consent(index, viewer=viewer)
    assert Action.CONSENT_RECORD not in caseworker(index).actions
    # Named for both sources, a caller is still no owner of the school's.
    named = replace(caseworker(index), actions=frozenset({Action.CONSENT_RECORD}))
    with pytest.raises(AccessDenied):
        consent(index, viewer=named)
    code = consent(index)
    with pytest.raises(NotFoundError, match="no such consent"):
        revoke_consent(index, named, code)
    for unknown in ("0123456789ab", "é", "a\0b"):
        with pytest.raises(NotFoundError, match="no such consent"):
            revoke_consent(index, OFFICE, unknown)


def test_who_may_not_record_consents_learns_nothing_of_them(index, eid):
    reader = Viewer("reader", None, frozenset({Action.RECORD_READ}), frozenset({"sis"}))
    code = consent(index)
    for call in (
        lambda: consent(index, viewer=reader),
        lambda: revoke_consent(index, reader, code),
        lambda: list_consents(index, reader, "sis", "s1"),
    ):
        with pytest.raises(AccessDenied):
            call()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"signed": date(2026, 6, 2)}, "signed"),
        ({"ends": date(2026, 5, 19)}, "ends"),
        ({"ends": date(2026, 5, 31)}, "ends: the day has passed"),
        ({"ends": date(2046, 6, 1)}, "ends"),
        ({"purposes": frozenset()}, "purposes: name at least one"),
        ({"purposes": frozenset({"transport"})}, "purposes: the agreement does not permit 1"),
        ({"fields": frozenset({"phone"})}, "fields: the agreement does not permit 1"),
        ({"fields": frozenset({ALL})}, "fields"),
        ({"recipient": "district"}, "agreement, recipient"),
        ({"agreement": "no-such"}, "agreement, recipient"),
        ({"reference": "signed by Amara's mother"}, "reference"),
    ],
)
def test_a_consent_that_permits_nothing_or_too_much_is_refused(index, eid, changes, fault):
    with pytest.raises(InputError, match=fault) as refused:
        consent(index, **changes)
    assert "Amara" not in str(refused.value)
    assert list_consents(index, OFFICE, "sis", "s1") == []


def test_a_consent_about_no_record_is_refused_and_a_repeated_call_records_one(index, eid):
    with pytest.raises(NotFoundError, match="has no such record"):
        consent(index, "no-such")
    for hostile in ("a\0b", "x" * 10_000, "\ud800", ""):
        with pytest.raises(InputError, match="local_id"):
            consent(index, hostile)
    once = replace(OFFICE, idempotent_call=IdempotentCall("consent-1", b"consent"))
    assert consent(index, viewer=once) == consent(index, viewer=once)
    assert len(list_consents(index, OFFICE, "sis", "s1")) == 1
