"""Extracts of research projects: what is in them, what is refused, and how they end."""

import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.policy.agreement import Agreement, CodeList, Grant, LinkedBy
from mpi.policy.cases.research import IrbDecision, ResearchTerms
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.service.agreements.refusals import list_refusals
from mpi.service.agreements.register import approve_version, end_agreement, propose_version
from mpi.service.research.destruction import attest_destruction
from mpi.service.research.extract import make_extract
from mpi.service.research.overview import show_overview
from mpi.service.research.projects import set_terms, show_project
from mpi.service.rights.research_ids import open_project
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index

SCHOOLS = Party("schools", "State education agency", PartyKind.EDUCATION, frozenset({"sis"}))
AGENCY = Party("agency", "Child welfare", PartyKind.CHILD_WELFARE, frozenset({"ccwis"}))
UNIVERSITY = Party("university", "University of Quill", PartyKind.RESEARCH)
OF_SCHOOLS = Grant(
    discloser="schools", recipient="university", population=ALL, legal_basis="ferpa_studies",
    purposes=frozenset({"program_evaluation"}), output_fields=frozenset({"birth_date", "sex", "postal_code"}),
    matching_fields=frozenset(),
)  # fmt: skip
OF_AGENCY = replace(
    OF_SCHOOLS,
    discloser="agency",
    legal_basis="research_statute",
    population="foster_care",
    output_fields=frozenset({"birth_date", "sex", "placements", "flags.foster_care"}),
)
SECRET_NAMES = ("Amara", "Okonkwo", "Restricted", "Hidden")
CARE = {
    "population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "1/10/2019", "end": "1/5/2091",
}  # fmt: skip
OF_FREE_TEXT = (
    "county", "school_id", "district_id", "grade", "race", "ethnicity", "birth_country", "postal_code",
)  # fmt: skip
STAY = {"type": "foster_home", "begin": "2025-03-01", "county": "Quill"}


def make_agreement(code: str, *grants: Grant, **changes: object) -> Agreement:
    """Return an agreement of school, agency and university that is in force for a year."""
    today = clock.now().date()
    terms = Agreement(
        code=code, version=0, title="Study", parties=(SCHOOLS, AGENCY, UNIVERSITY), grants=grants,
        begins=today, ends=today + timedelta(days=365),
    )  # fmt: skip
    return replace(terms, **changes)


def put_in_force(index, agreement: Agreement) -> None:
    propose_version(index, OPERATOR, agreement)
    approve_version(index, OPERATOR, agreement.code, alone=True)


def make_terms(agreement: str = "study", *fields: str, **changes: object) -> ResearchTerms:
    terms = ResearchTerms(
        agreement=agreement, recipient="university", irb_reference="IRB 26-17",
        irb_decision=IrbDecision.APPROVED, expires=clock.now().date() + timedelta(days=90),
        fields=fields or ("birth_date", "sex", "flags.foster_care", "placements"), levels={},
        recorded_by="D. Director",
    )  # fmt: skip
    return replace(terms, **changes)


def open_with_terms(index, code: str, terms: ResearchTerms) -> str:
    open_project(index, OPERATOR, code, "Reading in care", "D. Director")
    set_terms(index, OPERATOR, code, terms)
    return code


def name(number: int) -> str:
    return "".join(chr(ord("a") + (number * 7919 // 26**place) % 26) for place in range(6)).title()


def child(number: int, **changes: object) -> dict[str, object]:
    born = f"{2010 + number % 2}-{1 + number % 12:02}-{1 + number % 28:02}"
    return make_child(
        f"{number}", first_name=name(number), last_name=name(number + 999), birth_date=born,
        sex="FM"[number % 2], postal_code=f"{43000 + number % 4}", **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Sixty children of schools, of whom some are in care, and one each who must be in no extract."""
    with open_test_index(
        tmp_path_factory.mktemp("research") / "home", "sis", "ccwis", secret="5" * 64
    ) as index:
        restricted = [
            make_child("r1", restrictions=[{"kind": "opt_out"}]),
            make_child("r2", first_name="Restricted", restrictions=[{"kind": "protective_order"}]),
            make_child("r3", first_name="Hidden", last_name="Sealed", birth_date="2012-02-02"),
        ]
        load_rows(index, "sis", *(child(number) for number in range(60)), *restricted)
        in_care = [child(number, flags=[CARE], placements=[STAY]) for number in range(20)]
        load_rows(index, "ccwis", *in_care, child(70), {**make_child("r1"), "flags": [CARE]})
        seal = {**restricted[2], "restrictions": [{"kind": "sealed"}]}
        load_rows(index, "sis", seal)
        put_in_force(index, make_agreement("study", OF_SCHOOLS, OF_AGENCY))
        open_with_terms(index, "reading", make_terms())
        yield index


def read_csv(extract, file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(extract.files[file].decode())))


def find_reasons(index) -> list[str]:
    return [refusal.reason for refusal in list_refusals(index, OPERATOR)]


def test_an_extract_holds_the_agreed_fields_by_ids_of_the_project(index):
    extract = make_extract(index, OPERATOR, "reading")
    rows = read_csv(extract, "records.csv")
    assert (extract.rows, extract.children, len(rows)) == (80, 60, 80)
    agency = [row for row in rows if row["source"] == "ccwis"]
    assert {row["flag_foster_care"] for row in agency} == {"Y"}
    assert {row["placement_begin"] for row in agency} == {"2025-03-01"}
    assert all(not row["placement_begin"] for row in rows if row["source"] == "sis"), "not agreed for schools"
    assert "postal_code" not in rows[0], "the project did not ask for it"
    everything = b"".join(extract.files.values()).decode()
    known = {*crosswalk(index).values(), *SECRET_NAMES}
    assert not [text for text in known if text in everything]
    assert all(re.fullmatch("[0-9a-hjkmnp-tv-z]{26}", row["research_id"]) for row in rows)


def test_the_columns_about_links_follow_from_the_extract(index):
    rows = read_csv(make_extract(index, OPERATOR, "reading"), "records.csv")
    twice = [row for row in rows if row["child_records"] == "2"]
    assert len(twice) == 40
    assert {row["weakest_link"] for row in twice} <= {"0-3", "3-6", "6-12", "12+"}
    assert {row["weakest_link"] for row in rows if row["child_records"] == "1"} == {"single"}
    assert {row["reviewed"] for row in rows} == {"no"}


def test_equal_runs_give_equal_bytes_and_one_step(index):
    first, second = (make_extract(index, OPERATOR, "reading") for _ in range(2))
    assert first.files == second.files
    assert [each["digest"] for each in show_project(index, OPERATOR, "reading").extracts] == [first.digest]


def test_the_manifest_lists_every_other_file_with_its_digest(index):
    files = make_extract(index, OPERATOR, "reading").files
    manifest = json.loads(files["manifest.json"])
    assert {each["name"] for each in manifest["files"]} == files.keys() - {"manifest.json"}
    for each in manifest["files"]:
        assert each["sha256"] == hashlib.sha256(files[each["name"]]).hexdigest()


def test_the_codebook_describes_every_column(index):
    extract = make_extract(index, OPERATOR, "reading")
    header = extract.files["records.csv"].decode().splitlines()[0].split(",")
    assert [row["variable"] for row in read_csv(extract, "codebook.csv")] == header


def test_the_documents_state_basis_errors_and_risk(index):
    extract = make_extract(index, OPERATOR, "reading")
    terms = json.loads(extract.files["terms.json"])
    assert [basis["citation"] for basis in terms["legal_bases"]] == [
        "20 USC 1232g(b)(1)(F); 34 CFR 99.31(a)(6)", "To be named by counsel",
    ]  # fmt: skip
    assert terms["irb_reference"] == "IRB 26-17"
    statement = extract.files["linkage-statement.md"].decode()
    assert "| sis | 60 |" in statement
    assert "| ccwis | 20 |" in statement
    assert "hidden children with a restriction" in statement, "a small count of restricted children is hidden"
    rates = read_csv(extract, "error-rates.csv")
    assert ("model", "all", "20") in {(row["evidence"], row["group"], row["linked_pairs"]) for row in rates}
    assert all(row["false_links_per_10000_high"] for row in rates if row["false_links_per_10000"])
    assert "| Children | 60 | 60 |" in extract.files["risk-report.md"].decode()


def test_ids_of_two_projects_cannot_be_joined(index):
    open_with_terms(index, "other", make_terms())
    ids = [
        {row[column] for row in read_csv(make_extract(index, OPERATOR, code), "records.csv")
         for column in ("research_id", "record_id")}
        for code in ("reading", "other")
    ]  # fmt: skip
    assert not ids[0] & ids[1]


def test_the_ledger_names_the_records_the_agreement_and_the_project(index):
    make_extract(index, OPERATOR, "reading")
    with index.database.read(OPERATOR) as unit:
        line = unit.disclosures.of_actions(["crosswalk.export"])[-1]
    assert (line.agreement, line.purpose, len(line.record_ids)) == ("study", "program_evaluation", 80)
    assert {"research:reading", "party:university", "birth_date"} <= set(line.fields)


def test_terms_with_a_field_that_the_agreement_does_not_name_are_refused(index):
    open_project(index, OPERATOR, "greedy", "T", "D")
    for fields, message in (
        (("ethnicity",), "does not name the field 'ethnicity'"),
        (("last_name",), "no extract holds 'last_name'"),
        (("flags.runaway",), "no extract holds the flags of 'runaway'"),
        ((), "1 to 60 fields"),
    ):
        with pytest.raises(InputError, match=message):
            set_terms(index, OPERATOR, "greedy", replace(make_terms(), fields=fields))
    with pytest.raises(InputError, match="birth_date has the levels day, month"):
        set_terms(index, OPERATOR, "greedy", make_terms(levels={"birth_date": "decade"}))
    with pytest.raises(ConflictError, match="no terms yet"):
        make_extract(index, OPERATOR, "greedy")


def test_a_field_that_the_agreement_names_no_longer_is_refused_on_the_record(index):
    put_in_force(index, make_agreement("narrow", OF_SCHOOLS, OF_AGENCY))
    open_with_terms(index, "narrowed", make_terms("narrow"))
    narrowed = replace(OF_AGENCY, output_fields=frozenset({"birth_date", "sex"}))
    put_in_force(index, make_agreement("narrow", OF_SCHOOLS, narrowed))
    with pytest.raises(AccessDenied, match=r"does not name the field 'flags\.foster_care'"):
        make_extract(index, OPERATOR, "narrowed")
    assert "field-not-named" in find_reasons(index)


def test_a_project_whose_agreement_has_ended_gets_nothing(index):
    put_in_force(index, make_agreement("short", OF_SCHOOLS))
    open_with_terms(index, "lapsed", make_terms("short", "sex"))
    assert make_extract(index, OPERATOR, "lapsed").rows == 60
    end_agreement(index, OPERATOR, "short", "over")
    with pytest.raises(AccessDenied, match="is ended"):
        make_extract(index, OPERATOR, "lapsed")
    assert "agreement-ended" in find_reasons(index)


def test_an_expired_project_gets_nothing(index, manual_clock):
    open_with_terms(index, "expired", make_terms(expires=clock.now().date()))
    manual_clock.advance(days=1)
    with pytest.raises(AccessDenied, match="the project expired"):
        make_extract(index, OPERATOR, "expired")
    assert "project-expired" in find_reasons(index)


def test_deidentified_data_is_refused_with_what_to_coarsen_until_it_passes(index):
    grant = replace(OF_SCHOOLS, legal_basis="ferpa_deidentified")
    put_in_force(index, make_agreement("anonymous", grant))
    fields = ("birth_date", "sex", "postal_code")
    open_with_terms(index, "anonymous", make_terms("anonymous", *fields))
    with pytest.raises(ConflictError, match=r"60 of 60 children are in classes of fewer than 10") as refused:
        make_extract(index, OPERATOR, "anonymous")
    assert "risk-too-high" in find_reasons(index)
    levels = dict(re.findall(r"--coarsen (\w+)=(\w+)", str(refused.value)))
    assert levels, "the refusal says what to coarsen"
    set_terms(index, OPERATOR, "anonymous", make_terms("anonymous", *fields, levels=levels))
    extract = make_extract(index, OPERATOR, "anonymous")
    classes: dict[tuple[str, ...], int] = {}
    for row in read_csv(extract, "records.csv"):
        values = tuple(row[field] for field in fields)
        classes[values] = classes.get(values, 0) + 1
    assert min(classes.values()) >= 10
    assert "must pass it, and passes" in extract.files["risk-report.md"].decode()


def test_a_decision_of_a_steward_is_told_by_its_own_columns(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64) as index:
        load_rows(index, "sis", child(1))
        load_rows(index, "ccwis", child(2))
        groups = [[RecordRef("sis", "1"), RecordRef("ccwis", "2")]]
        decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "same-child"))
        everybody = replace(OF_AGENCY, population=ALL)
        put_in_force(index, make_agreement("study", OF_SCHOOLS, everybody))
        open_with_terms(index, "reading", make_terms("study", "sex"))
        rows = read_csv(make_extract(index, OPERATOR, "reading"), "records.csv")
        assert [(row["weakest_link"], row["child_records"], row["reviewed"]) for row in rows] == [
            ("other", "2", "yes")
        ] * 2
        put_in_force(index, make_agreement("schools", OF_SCHOOLS))
        open_with_terms(index, "schools", make_terms("schools", "sex"))
        [row] = read_csv(make_extract(index, OPERATOR, "schools"), "records.csv")
        assert (row["weakest_link"], row["child_records"], row["reviewed"]) == ("single", "1", "no"), (
            "nothing tells that another agency holds a record"
        )


def test_the_certificate_of_destruction_ends_the_project_and_stands_on_the_ledger(index):
    open_with_terms(index, "finished", make_terms())
    today = clock.now().date()
    with pytest.raises(ConflictError, match="never had an extract"):
        attest_destruction(index, OPERATOR, "finished", "B. Osei", "files overwritten", today)
    extract = make_extract(index, OPERATOR, "finished")
    with pytest.raises(InputError, match="has not come"):
        attest_destruction(
            index, OPERATOR, "finished", "B. Osei", "files overwritten", today + timedelta(days=1)
        )
    certificate = attest_destruction(index, OPERATOR, "finished", "B. Osei", "files overwritten", today)
    assert certificate.is_valid
    assert [each["digest"] for each in certificate.content["extracts"]] == [extract.digest]
    assert attest_destruction(index, OPERATOR, "finished", "X", "again", today) == certificate
    with index.database.read(OPERATOR) as unit:
        lines = [line.fields for line in unit.disclosures.of_actions(["destruction.certificate"])]
    assert lines == [("research-finished", f"sha256:{certificate.digest}")]
    with pytest.raises(ConflictError, match="key is destroyed"):
        make_extract(index, OPERATOR, "finished")


def test_the_certificate_names_the_recipient_of_each_extract_not_of_the_latest_terms(index):
    college = replace(UNIVERSITY, code="college", name="College of Quill")
    agreement = make_agreement("college", replace(OF_SCHOOLS, recipient="college"))
    put_in_force(index, replace(agreement, parties=(SCHOOLS, AGENCY, college)))
    open_with_terms(index, "moved", make_terms())
    make_extract(index, OPERATOR, "moved")
    set_terms(index, OPERATOR, "moved", make_terms("college", "sex", recipient="college"))
    today = clock.now().date()
    content = attest_destruction(index, OPERATOR, "moved", "B. Osei", "overwritten", today).content
    assert content["recipients"] == ["university"]
    [extract] = content["extracts"]
    assert (extract["agreement"], extract["recipient"]) == ("study", "university")


NAME_IN_TEXT = "Amara Okonkwo"
"""A name that somebody typed where a code belongs."""


def test_a_text_that_is_no_known_code_leaves_the_index_neither_as_it_is_nor_uncounted(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64) as index:
        (index.home / "contacts.csv").write_text(
            "level,code,organization,name,phone,email,owner,confirm_by\n"
            "district,D01,North,Desk,614-555-0100,,Office,2099-06-30\n",
            encoding="utf-8",
        )
        typed = dict.fromkeys(("county", "school_id", "district_id", "grade", "ethnicity"), NAME_IN_TEXT)
        typed |= {"postal_code": NAME_IN_TEXT, "race": [NAME_IN_TEXT, "White"], "birth_country": NAME_IN_TEXT}
        typed |= {"placements": [{"type": NAME_IN_TEXT, "county": NAME_IN_TEXT, "begin": "2025-01-01"}]}
        typed |= {"flags": [CARE | {"definition": NAME_IN_TEXT}]}
        coded = {"county": "quill", "school_id": "S-1", "district_id": "d01", "grade": "Fourth grade"}
        coded |= {"race": ["Black - African American"], "ethnicity": "unknown", "flags": [CARE]}
        coded |= {"birth_country": "USA", "postal_code": "43001-1234"}
        load_rows(index, "sis", *(child(number) | typed for number in range(11)), child(50) | coded)
        fields = (*OF_FREE_TEXT, "placements", "flags.foster_care")
        grant = replace(OF_SCHOOLS, output_fields=frozenset(fields))
        put_in_force(index, make_agreement("study", grant, codes=(CodeList("county", frozenset({"Quill"})),)))
        open_with_terms(index, "reading", make_terms("study", *fields))
        open_with_terms(index, "other", make_terms("study", *fields))
        extract = make_extract(index, OPERATOR, "reading")
        everything = b"".join(extract.files.values())
        assert b"Amara" not in everything
        assert b"S-1" not in everything
        [named] = [row for row in read_csv(extract, "records.csv") if row["county"] == "Quill"]
        assert [named[each] for each in ("district_id", "grade", "race", "birth_country", "postal_code")] == [
            "D01", "04", "BlackOrAfricanAmerican", "US", "43001",
        ]  # fmt: skip
        texts = [row for row in read_csv(extract, "records.csv") if row["county"] == "unlisted"]
        assert {row["race"] for row in texts} == {"White|unlisted"}
        assert len({row["school_id"] for row in texts} | {named["school_id"]}) == 2, "schools have pseudonyms"
        codebook = {row["variable"]: row for row in read_csv(extract, "codebook.csv")}
        assert {name for name, row in codebook.items() if row["unlisted"] == "11"} == {
            "county", "grade", "ethnicity", "race", "birth_country", "postal_code", "placement_type",
            "placement_county",
        }  # fmt: skip
        assert codebook["flag_foster_care"]["definitions"] == "unlisted", (
            "one child's ESSA is too few to show"
        )
        others = {row["school_id"] for row in read_csv(make_extract(index, OPERATOR, "other"), "records.csv")}
        assert not others & {named["school_id"], texts[0]["school_id"]}, (
            "of another project, other pseudonyms"
        )


def test_a_text_that_stands_for_no_value_is_missing_and_no_school(tmp_path):
    typed = ("N/A", "n/a", "0000", "#REF!", "9999", "1.23E+09", "S-1", "0012")
    with open_test_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64) as index:
        load_rows(
            index,
            "sis",
            *(child(n, school_id=text, district_id=text, grade=text) for n, text in enumerate(typed)),
        )
        fields = ("school_id", "district_id", "grade", "sex")
        grant = replace(OF_SCHOOLS, output_fields=frozenset(fields))
        put_in_force(index, make_agreement("study", grant))
        open_with_terms(index, "reading", make_terms("study", *fields))
        extract = make_extract(index, OPERATOR, "reading")
        rows = read_csv(extract, "records.csv")
        for field in ("school_id", "district_id"):
            values = sorted(row[field] for row in rows)
            assert values[:5] == [""] * 5
            assert values.count("unlisted") == 1
            assert len(set(values[5:])) == 3, "two schools and one number without its last digits"
        codebook = {row["variable"]: row for row in read_csv(extract, "codebook.csv")}
        assert [codebook[name]["unlisted"] for name in ("school_id", "grade")] == ["1", "5"]


def test_the_statistical_partition_needs_the_agreement_and_is_told_by_every_document(index):
    terms = make_terms("study", "sex", "birth_date", linked_by=LinkedBy.STATISTICAL)
    open_project(index, OPERATOR, "balanced", "T", "D")
    with pytest.raises(InputError, match="does not name the partition 'statistical'"):
        set_terms(index, OPERATOR, "balanced", terms)
    put_in_force(index, make_agreement("balanced", OF_SCHOOLS, OF_AGENCY, partitions=frozenset(LinkedBy)))
    set_terms(index, OPERATOR, "balanced", replace(terms, agreement="balanced"))
    extract, again = (make_extract(index, OPERATOR, "balanced") for _ in range(2))
    assert extract.files == again.files
    rows = read_csv(extract, "records.csv")
    assert {row["partition"] for row in rows} == {"statistical"}
    assert (extract.rows, extract.children) == (80, 60)
    operational_terms = replace(terms, agreement="balanced", linked_by=LinkedBy.OPERATIONAL)
    set_terms(index, OPERATOR, "balanced", operational_terms)
    operational = make_extract(index, OPERATOR, "balanced")
    ids = [{row["research_id"] for row in read_csv(each, "records.csv")} for each in (extract, operational)]
    assert not ids[0] & ids[1], "the IDs of one partition do not tell those of the other"
    assert "`statistical`" in extract.files["linkage-statement.md"].decode()
    assert "`operational`" in operational.files["linkage-statement.md"].decode()
    rates = [read_csv(each, "error-rates.csv") for each in (extract, operational)]
    assert rates[0]
    assert rates[0] != rates[1], "each partition has its own error rates"


def test_records_outside_the_project_change_no_id_of_a_statistical_extract(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64) as index:
        load_rows(index, "sis", *(child(number) for number in range(20)))
        put_in_force(index, make_agreement("study", OF_SCHOOLS, partitions=frozenset(LinkedBy)))
        open_with_terms(index, "reading", make_terms("study", "sex", linked_by=LinkedBy.STATISTICAL))
        before = make_extract(index, OPERATOR, "reading").files["records.csv"]
        load_rows(index, "ccwis", *(child(number) for number in range(20)))
        eids = crosswalk(index)
        assert all(eids["sis", f"{number}"] == eids["ccwis", f"{number}"] for number in range(20))
        assert make_extract(index, OPERATOR, "reading").files["records.csv"] == before


def test_a_statistical_extract_leaves_out_whole_persons_with_a_restriction(index):
    put_in_force(index, make_agreement("wide", OF_SCHOOLS, OF_AGENCY, partitions=frozenset(LinkedBy)))
    terms = make_terms("wide", "birth_date", linked_by=LinkedBy.STATISTICAL)
    open_with_terms(index, "wide", terms)
    extract = make_extract(index, OPERATOR, "wide")
    assert b"Restricted" not in b"".join(extract.files.values())
    assert extract.rows == 80


def test_the_overview_says_what_a_project_may_have_what_it_got_and_when_that_is_due(index, manual_clock):
    open_project(index, OPERATOR, "seen", "T", "D")
    assert show_overview(index, OPERATOR, "seen").state == "no_terms"
    put_in_force(index, make_agreement("seen", OF_SCHOOLS, retention_days=30))
    set_terms(index, OPERATOR, "seen", make_terms("seen", "sex"))
    before = show_overview(index, OPERATOR, "seen")
    assert (before.state, before.recipient, before.destruction_due) == ("ready", "University of Quill", None)
    extract = make_extract(index, OPERATOR, "seen")
    made = show_overview(index, OPERATOR, "seen")
    assert made.destruction_due == (clock.now().date() + timedelta(days=30)).isoformat()
    assert [each["digest"] for each in made.extracts] == [extract.digest]
    manual_clock.advance(days=31)
    assert show_overview(index, OPERATOR, "seen").state == "due"
    attest_destruction(index, OPERATOR, "seen", "B. Osei", "overwritten", clock.now().date())
    after = show_overview(index, OPERATOR, "seen")
    assert (after.state, after.destruction_due, after.certificate["is_valid"]) == ("destroyed", None, True)
    with pytest.raises(NotFoundError):
        show_overview(index, OPERATOR, "unknown")


def test_new_terms_bring_the_last_day_of_an_extract_forward_and_never_put_it_off(index):
    today = clock.now().date()
    for code, days in (("month", 30), ("decade", 3_650)):
        put_in_force(index, make_agreement(code, OF_SCHOOLS, retention_days=days))
    open_with_terms(index, "kept", make_terms("month", "sex"))
    make_extract(index, OPERATOR, "kept")

    def find_due_days():
        return (date.fromisoformat(show_overview(index, OPERATOR, "kept").destruction_due) - today).days

    assert find_due_days() == 30
    set_terms(index, OPERATOR, "kept", make_terms("decade", "sex", expires=today + timedelta(days=300)))
    assert find_due_days() == 30, "the terms name another agreement"
    put_in_force(index, make_agreement("month", OF_SCHOOLS, retention_days=60))
    assert find_due_days() == 30, "a new version of the agreement lets data be kept for longer"
    set_terms(index, OPERATOR, "kept", make_terms("decade", "sex", expires=today + timedelta(days=10)))
    assert find_due_days() == 10
    end_agreement(index, OPERATOR, "month", "over")
    assert find_due_days() <= 0, "the agreement of the extract has ended"


def test_the_overview_says_why_a_project_may_have_nothing(index):
    put_in_force(index, make_agreement("stopped", OF_SCHOOLS))
    open_with_terms(index, "stopped", make_terms("stopped", "sex"))
    end_agreement(index, OPERATOR, "stopped", "over")
    overview = show_overview(index, OPERATOR, "stopped")
    assert (overview.state, "is ended" in overview.refusal) == ("refused", True)
