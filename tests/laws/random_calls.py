"""Random requests to every route, form and command of a site.

``API_CALLS``, ``PAGES``, ``FORMS`` and ``COMMANDS`` have an entry for each. A test compares them with what
there is, so that a new route without an entry is noticed.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.policy.cases.subject_rights import default_rule
from mpi.service.review.answers.verdicts import ANSWER_REASONS, VerdictKind
from mpi.service.review.owner_questions import FIELDS_BY_REQUEST_KIND, OWNER_ANSWERS
from mpi.service.review.queue import STATES
from mpi.service.rights.source_rules import make_rule_version

LOCAL_IDS = ("r0", "r1", "r2", "r3", "c0", "c1", "c2", "c3")
SOURCES = ("sis", "sis2")
FOREIGN_SOURCES = ("ccwis", "hmis", "none")
_PATTERNS = {
    "eid": re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b"),
    "key": re.compile(r"\"key\":\"([^\"]+)\"|/queue/([^\"/?]+)\""),
    "number": re.compile(r"\"(?:id|step|number|load|hold|claim|batch|window|request)\":(\d{1,5})\b"),
    "case": re.compile(r"\"code\": ?\"([0-9a-f]{12})\""),
    "link": re.compile(r"href=\"(/[^\"#]*)\""),
}
_REMEMBERED = 12
AGREEMENTS = ("dsa-1", "dsa-1", "dsa-1", "dsa-2", "district", "house")
"""Codes of agreements, of which ``house`` and ``district`` are in force from the beginning."""
CARE_PURPOSES = ("school_stability", "transport", "enrolment_coordination")
STEPS = (
    "POST /v1/decisions",
    "POST /v1/persons:merge",
    "POST /v1/persons/{eid}:split",
    "POST /v1/persons/{eid}:move",
)
"""Routes that decide what is one child."""


@dataclass
class Memory:
    """What callers have seen in answers, to ask about it later."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, text: str) -> None:
        """Remember the IDs, keys and numbers of an answer."""
        for kind, pattern in _PATTERNS.items():
            seen = self.values.setdefault(kind, [])
            for match in pattern.finditer(text):
                value = next((group for group in match.groups() if group), match[0])
                if value not in seen:
                    seen.append(value)
            del seen[:-_REMEMBERED]

    def note(self, kind: str, value: str | None) -> None:
        """Remember one value, the latest of its kind."""
        if value:
            self.values[kind] = [*self.values.get(kind, [])[-_REMEMBERED:], value]


@dataclass
class Chooser:
    """Chooses the parts of a request at random.

    Args:
        chance: makes the choices.
        memory: what callers have seen.
        content: content of a record to send.
        now: the time.
        persons: enterprise IDs of the scope's records, by source and local ID.
        path_values: parts of the path that fit the body.
    """

    chance: random.Random
    memory: Memory
    content: dict[str, object]
    now: datetime
    persons: Mapping[tuple[str, str], str]
    path_values: dict[str, str] = field(default_factory=dict)

    def one_of(self, *values):
        """Return one of the values."""
        return self.chance.choice(values)

    def is_rare(self, share: float = 0.2) -> bool:
        """Return true with a probability."""
        return self.chance.random() < share

    def seen(self, kind: str, other: str) -> str:
        """Return something of a kind that callers have seen, or another value."""
        return self.chance.choice([*self.memory.values.get(kind, []), other])

    def source(self) -> str:
        """Return a source of the scope, rarely one of other agencies."""
        if "source" in self.path_values:
            return self.path_values["source"]
        return self.one_of(*(FOREIGN_SOURCES if self.is_rare(0.05) else SOURCES))

    def local_id(self) -> str:
        """Return a local ID."""
        return self.one_of(*LOCAL_IDS)

    def ref(self) -> dict[str, str]:
        """Return the address of a record, mostly of one that exists."""
        if self.persons and self.is_rare(0.8):
            source, local_id = self.one_of(*self.persons)
            return {"source": source, "local_id": local_id}
        return {"source": self.source(), "local_id": self.local_id()}

    def ref_in_list(self) -> dict[str, object]:
        """Return the address of a record in a list, mostly that of the path."""
        ref = self.ref() if self.is_rare(0.3) else {"source": self.source(), "local_id": self.local_id()}
        ref |= {name: self.path_values[name] for name in ref if name in self.path_values}
        return {"source": ref["source"], "local_ids": [ref["local_id"]]}

    def refs(self, most: int = 2) -> list[dict[str, str]]:
        """Return some records."""
        return [self.ref() for _ in range(self.chance.randint(1, most))]

    def eid(self) -> str:
        """Return an enterprise ID, mostly one that has records."""
        if self.persons and self.is_rare(0.7):
            return self.one_of(*self.persons.values())
        return self.seen("eid", "T000-0000-0000")

    def records_of_path(self) -> list[dict[str, str]]:
        """Choose the person of the path, and return their records."""
        self.path_values["eid"] = eid = self.eid()
        return [
            {"source": source, "local_id": local_id}
            for (source, local_id), other in self.persons.items()
            if other == eid
        ] or self.refs()

    def number(self) -> int:
        """Return a number of a step, load, decision or the like."""
        if self.is_rare(0.4):
            return self.chance.randint(1, 3)
        return int(self.seen("number", str(self.chance.randint(1, 20))))

    def key(self) -> str:
        """Return the key of a question."""
        return self.seen("key", "q-0000000000000000")

    def day(self) -> str:
        """Return a day near today."""
        return (self.now + timedelta(days=self.chance.randint(-2, 40))).date().isoformat()

    def record(self) -> dict[str, object]:
        """Return a record's content, rarely with a restriction or a fault."""
        if not self.is_rare(0.1):
            return self.content
        kind = self.one_of("sealed", "sealed", "expunged", "opt_out", "no-such")
        order = {"reference": "26-JV-0412"} if self.is_rare(0.5) else {}
        return {**self.content, "restrictions": [{"kind": kind, **order}]}

    def agreement_code(self) -> str:
        """Return the code of an agreement, seldom of one in force."""
        if "code" in self.path_values:
            return self.path_values["code"]
        return self.one_of(*(AGREEMENTS if self.is_rare() else AGREEMENTS[:4]))

    def case_code(self) -> str:
        """Return the code of a subpoena case, mostly of one that was seen."""
        seen = self.memory.values.get("case")
        return self.one_of(*seen) if seen and not self.is_rare(0.1) else "0123456789ab"

    def agreement(self) -> dict[str, object]:
        """Return the terms of an agreement; half of them have a fault."""
        terms: dict[str, object] = {
            "code": self.agreement_code(),
            "title": self.one_of("School stability of children in care", "Buses"),
            "begins": self.one_of("2031-01-01", "2031-08-01", self.day()),
            "parties": [
                {"code": "district", "name": "Quill Schools", "kind": "education", "sources": ["sis"]},
                {"code": "agency", "name": "Child Welfare", "kind": "child_welfare"},
            ],
            "grants": [
                {
                    "discloser": "district",
                    "recipient": "agency",
                    "population": "foster_care",
                    "legal_basis": "ferpa_caseworker",
                    "purposes": [self.one_of(*CARE_PURPOSES)],
                    "output_fields": ["school_id", "grade"],
                    "matching_fields": ["first_name", "last_name", "birth_date"],
                }
            ],
        }
        return {**terms, **self.fault_of_terms()} if self.is_rare(0.5) else terms

    def fault_of_terms(self) -> dict[str, object]:
        """Return a key that spoils an agreement or ends it soon."""
        foreign = self.one_of(*FOREIGN_SOURCES)
        return self.one_of(
            {"ends": self.day()},
            {"ends": "2030-12-31"},
            {"grants": []},
            {"shoe": 9},
            {"parties": [{"code": "agency", "name": "X", "kind": "child_welfare", "sources": [foreign]}]},
        )

    def words(self) -> dict[str, object]:
        """Return a reason, perhaps with a note."""
        note = {"note": "as the office said"} if self.is_rare() else {}
        return {"reason": self.one_of("test", "same-child"), **note}

    def step(self, **members: object) -> dict[str, object]:
        """Return the body of a step, perhaps as a preview."""
        return {"json": {**members, **self.words(), "preview": self.is_rare(0.3)}}

    def undo(self) -> dict[str, object]:
        """Return the body that undoes, approves, consents to or refuses a step."""
        return {"json": {"reason": "test", "preview": self.is_rare(0.3)}}

    def decision(self) -> dict[str, object]:
        """Return kind and groups of a decision."""
        kind = self.one_of("SAME", "DIFFERENT", "UNSURE")
        groups = [self.refs() for _ in range(1 if kind == "SAME" and self.is_rare() else 2)]
        if kind == "SAME":
            groups = [[record for group in groups for record in group]]
        return {"kind": kind, "groups": groups}

    def verdicts(self) -> dict[str, object]:
        """Return the body of an answer to a question."""
        if self.is_rare(0.3):
            response = self.one_of("confirm", "revoke", "approve", "release", "refuse")
            return {"response": response, "reason": "other", "decision": self.number()}
        verdict = {"left": self.ref(), "right": self.ref(), "kind": self.one_of(*VerdictKind)}
        return {"verdicts": [verdict], "reason": self.one_of(*ANSWER_REASONS), "preview": self.is_rare()}


Call = Callable[[Chooser], dict[str, object]]


def _nothing(_: Chooser) -> dict[str, object]:
    return {}


def _reason(c: Chooser) -> dict[str, object]:
    return {"json": {"reason": "test"} if c.is_rare(0.7) else {}}


def _note(c: Chooser) -> dict[str, object]:
    return {"json": {"note": "later"} if c.is_rare() else {}}


def _as_of(c: Chooser) -> dict[str, object]:
    return {"params": {"as_of": (c.now - timedelta(hours=9)).isoformat()}} if c.is_rare() else {}


def _crosswalk(c: Chooser) -> dict[str, object]:
    params = {"enterprise_id": c.eid()} if c.is_rare(0.4) else c.ref()
    return {"params": {**params, **_as_of(c).get("params", {})}}


def _identity(c: Chooser) -> dict[str, object]:
    names = {"first_name": "FirstName", "last_name": "LastSurname", "birth_date": "BirthDate"}
    stated = {names[name]: value for name, value in c.content.items() if name in names}
    return {**stated, **({"BirthOrder": c.one_of(1, 2)} if c.is_rare(0.3) else {})}


def _patient(c: Chooser) -> dict[str, object]:
    """Return what is known of a child as a FHIR Patient."""
    name = {"family": c.content.get("last_name"), "given": [c.content.get("first_name")]}
    known = {key: value for key, value in name.items() if value not in (None, [None])}
    identifier = {"system": f"urn:mpi:source:{c.source()}", "value": c.local_id()}
    return {
        "resourceType": "Patient",
        **({"name": [known]} if known else {}),
        **({"birthDate": c.content["birth_date"]} if c.content.get("birth_date") else {}),
        **({"identifier": [identifier]} if c.is_rare(0.5) else {}),
        **({"multipleBirthInteger": c.one_of(1, 2)} if c.is_rare(0.3) else {}),
    }


def _match(c: Chooser) -> dict[str, object]:
    """Return the body of a FHIR match operation."""
    flags = [
        *([{"name": "onlyCertainMatches", "valueBoolean": True}] if c.is_rare(0.3) else []),
        *([{"name": "count", "valueInteger": c.one_of(0, 1, 2)}] if c.is_rare(0.3) else []),
    ]
    parameters = [{"name": "resource", "resource": _patient(c)}, *flags]
    return {"json": {"resourceType": "Parameters", "parameter": parameters}}


def _patient_identifier(c: Chooser) -> dict[str, object]:
    """Return the query of FHIR's cross-reference."""
    ref = c.ref()
    known = f"urn:mpi:source:{ref['source']}|{ref['local_id']}"
    source = f"urn:mpi:enterprise-id|{c.eid()}" if c.is_rare(0.3) else known
    target = {"targetSystem": f"urn:mpi:source:{c.source()}"} if c.is_rare(0.3) else {}
    return {"params": {"sourceIdentifier": source, **target}}


def _bulk(c: Chooser) -> dict[str, object]:
    lines = [{**c.ref(), **c.record()} for _ in range(c.chance.randint(1, 4))]
    return {"content": "\n".join([*map(json.dumps, lines), "{" if c.is_rare() else ""])}


def _thresholds(c: Chooser) -> dict[str, float]:
    return {"link": float(c.chance.randint(6, 20))} if c.is_rare(0.5) else {}


def _questions(c: Chooser) -> dict[str, object]:
    return {
        "params": {
            "state": c.one_of(*STATES, "any"),
            "limit": c.chance.randint(1, 60),
            **({"source": c.source()} if c.is_rare() else {}),
            **({"mine": True} if c.is_rare() else {}),
        }
    }


def _view(c: Chooser) -> dict[str, object]:
    return {"json": {"name": c.one_of("due", "north"), "due": c.is_rare(), "source": c.source()}}


def _expunge(c: Chooser) -> dict[str, object]:
    ref = c.ref_in_list()
    return {"json": {**ref, "local_ids": [*ref["local_ids"], *([c.local_id()] if c.is_rare() else [])]}}


def _defer(c: Chooser) -> dict[str, object]:
    return {"json": {"until": c.day()}}


def _assign(c: Chooser) -> dict[str, object]:
    return {"json": {"to": c.one_of("steward", "all", "approver", "nobody")}}


def _bulk_questions(c: Chooser) -> dict[str, object]:
    action = c.one_of("defer", "assign", "escalate", "release")
    more = {"defer": {"until": c.day()}, "assign": {"to": "steward"}}.get(action, {})
    return {"json": {"keys": [c.key(), c.key()], "action": action, **more}}


def _ask(c: Chooser) -> dict[str, object]:
    record = {"record": c.ref()} if c.is_rare(0.5) else {}
    return {"json": {"asks": c.one_of(*FIELDS_BY_REQUEST_KIND), **record}}


def _owner_answer(c: Chooser) -> dict[str, object]:
    return {"json": {"answer": c.one_of(*OWNER_ANSWERS), "alike": c.is_rare()}}


def _pair_answer(c: Chooser) -> dict[str, object]:
    return {"json": {"verdict": c.one_of("same", "different", "unsure")}}


def _correction(c: Chooser) -> dict[str, object]:
    attribute, value = c.one_of(("first_name", "Jaylen"), ("birth_date", "2014-01-21"), ("shoe", "9"))
    return {"json": {"attribute": attribute, "value": value, **c.words(), "preview": c.is_rare()}}


def _merge(c: Chooser) -> dict[str, object]:
    eids = [c.eid(), c.eid()]
    return c.step(eids=eids, **({"survivor": eids[0]} if c.is_rare() else {}))


def _split(c: Chooser) -> dict[str, object]:
    records = c.records_of_path()
    return c.step(groups=[records[:1], records[1:] or c.refs()])


def _move(c: Chooser) -> dict[str, object]:
    return c.step(records=c.records_of_path()[:1], to=c.eid())


def _explanation(c: Chooser) -> dict[str, object]:
    return {"json": {"left": c.ref(), "right": c.ref()}}


def _approve_agreement(c: Chooser) -> dict[str, object]:
    return {"json": {"version": c.one_of(1, 1, 1, 2, 3)}}


def _unseal(c: Chooser) -> dict[str, object]:
    reference = c.one_of("26-JV-0412", "26-JV-0412", "26-JV-7", "no digit")
    return {"json": {**c.ref_in_list(), "reference": reference}}


def _subpoena(c: Chooser) -> dict[str, object]:
    days = {"received": c.day(), "due": c.day(), "notice_forbidden": c.is_rare(0.5)}
    texts = {"court": "Juvenile Court", "reference": c.one_of("26-JV-0412", "no digit"), "served_by": "Clerk"}
    fields = c.one_of(["first_name", "grade"], ["flags", "city"], ["ssn"], [])
    return {"json": {**c.ref_in_list(), **texts, **days, "fields": fields}}


def _disclosure_consent(c: Chooser) -> dict[str, object]:
    scope = {"agreement": c.agreement_code(), "recipient": "agency", "purposes": [c.one_of(*CARE_PURPOSES)]}
    days = {"signed": c.day(), "ends": c.day(), "signer": c.one_of("parent", "student", "uncle")}
    return {"json": {**c.ref(), **scope, "fields": ["grade"], **days, "reference": "CF-2026-0417"}}


def _decide_subpoena(c: Chooser) -> dict[str, object]:
    kept = {"fields": ["first_name"]} if c.is_rare(0.5) else {}
    verdict = c.one_of("release", "release", "narrow", "refuse", "none")
    return {"json": {"verdict": verdict, "counsel": "R. Alvarado", "reason": "relevant", **kept}}


def _rights_request(c: Chooser) -> dict[str, object]:
    is_amendment = c.is_rare(0.4)
    more = {"kind": "amend", "field": "grade", "wanted": "06"} if is_amendment else {"kind": "inspect"}
    who = {"relation": c.one_of("parent", "student", "agency"), "identification": "photo_id"}
    texts = {"identified_by": "R. Registrar", "owner": "Records office", "reference": "SR-2026-17"}
    return {"json": {**c.ref(), **more, **who, **texts, "received": c.day()}}


def _legal_hold(c: Chooser) -> dict[str, object]:
    target = c.one_of(c.ref(), {"source": c.source()}, {"agreement": c.agreement_code()})
    return {"json": {**target, "reference": "LH-2026-3", "reason": "lawsuit", "placed_by": "C. Counsel"}}


def _answer_unseal(c: Chooser) -> dict[str, object]:
    return {"json": c.ref_in_list()}


def _merge_statement(c: Chooser) -> dict[str, str]:
    kind = c.one_of("merge", "split", "reuse")
    other = {} if kind == "reuse" else {"new_local_id": c.local_id()}
    return {"kind": kind, "old_local_id": c.local_id()} | other


_ITEM = "/v1/review-tasks/{question_key}"
_AGREEMENT = "/v1/agreements/{code}"
_CASE = "/v1/subpoenas/{code}"
_RIGHTS = "/v1/rights-cases/{code}"
API_CALLS: Mapping[str, Call] = {
    "GET /openapi.json": _nothing,
    "GET /fhir/metadata": _nothing,
    "GET /v1/crosswalk": _crosswalk,
    "GET /v1/persons/{eid}": _as_of,
    "PUT /v1/sources/{source}/records/{local_id}": lambda c: {"json": c.record()},
    "GET /v1/sources/{source}/records/{local_id}": _nothing,
    "DELETE /v1/sources/{source}/records/{local_id}": _nothing,
    "POST /v1/sources/{source}/records/{local_id}/rekey": lambda c: {"json": {"to": c.local_id()}},
    "POST /v1/sources/{source}/merges": lambda c: {"json": {"merges": [_merge_statement(c)]}},
    "GET /v1/sources/{source}/merges": _nothing,
    "DELETE /v1/sources/{source}/merges/{number}": _nothing,
    "GET /v1/sources/{source}/retired-ids": lambda c: {"params": {"limit": c.chance.randint(1, 3)}},
    "GET /v1/sources/{source}/issues": lambda c: {"params": {"limit": c.chance.randint(1, 3)}},
    "GET /v1/sources/{source}/issue-counts": _nothing,
    "GET /v1/sources/{source}/scorecard": _nothing,
    "GET /v1/sources/{source}/tickets": _nothing,
    "POST /v1/sources/{source}/tickets": lambda c: {
        "json": {"field": "birth_date", "kind": "future-date", "owner": "Team", "due_on": c.day()}
    },
    "POST /v1/sources/{source}/tickets/{number}:close": lambda _: {"json": {}},
    "POST /v1/sources/{source}/caseload": lambda c: {
        "json": {"csv": f"local_id,caseworker,name\n{c.local_id()},cal,Cal Osei\n"}
    },
    "POST /v1/sources/{source}/child-items": lambda c: {
        "json": {"csv": f"local_id,contact_restriction\n{c.local_id()},yes\n"}
    },
    "POST /v1/sources/{source}/records/{local_id}/separate": lambda c: {"json": {"to": c.local_id()}},
    "POST /v1/records:bulk": _bulk,
    "POST /v1/sources/{source}/loads": lambda c: {
        "files": {"file": ("rows.csv", _file(c)["file.csv"])},
        "data": {"snapshot": c.one_of("full", "delta", "delta"), "dry_run": c.one_of("true", "false")},
    },
    "GET /v1/loads": lambda c: {"params": {"source": c.source()} if c.is_rare() else {}},
    "GET /v1/loads/{number}": _nothing,
    "GET /v1/loads/{number}/rejects": _nothing,
    "POST /v1/loads/{number}:undo": Chooser.undo,
    "GET /v1/sources": _nothing,
    "POST /v1/sources": lambda c: {"json": {"code": c.source(), "kind": "sis"}},
    "GET /v1/sources/{source}": _nothing,
    "GET /v1/clients": _nothing,
    "POST /v1/clients": lambda c: {"json": {"name": "nightly", "scopes": ["load"], "sources": [c.source()]}},
    "GET /v1/clients/{client}": _nothing,
    "POST /v1/clients/{client}:rotate": lambda c: {"json": {"overlap_days": c.one_of(0, 7)}},
    "POST /v1/clients/{client}:expire": lambda _: {"json": {}},
    "POST /v1/clients/{client}:end": _nothing,
    "POST /v1/sources/{source}:pause": _reason,
    "POST /v1/sources/{source}:resume": _reason,
    "POST /v1/persons:search": lambda c: {"json": c.content},
    "POST /identity/v2/identities": lambda c: {"json": _identity(c)},
    "POST /identity/v2/identities/find": lambda c: {"json": [c.eid(), c.eid()]},
    "POST /identity/v2/identities/search": lambda c: {"json": [_identity(c)]},
    "GET /identity/v2/identities/results/{token}": _nothing,
    "GET /identity/v2/identities/{id}": _nothing,
    "POST /fhir/Patient/$match": _match,
    "POST /fhir/Patient/$idi-match": _match,
    "GET /fhir/Patient/$ihe-pix": _patient_identifier,
    "GET /v1/persons/{eid}/lineage": _nothing,
    "GET /v1/persons/{eid}/golden": _nothing,
    "POST /v1/persons/{eid}/corrections": _correction,
    "POST /v1/explanations": _explanation,
    "GET /v1/persons/{eid}/explanation": _nothing,
    "GET /v1/persons/{eid}/built": _nothing,
    "POST /v1/decisions": lambda c: c.step(**c.decision()),
    "POST /v1/link-reports": lambda c: {"json": {**c.decision(), "reason": "two-ids"}},
    "GET /v1/decisions": lambda c: {"params": {"limit": c.chance.randint(1, 9)}},
    "GET /v1/decisions/{number}": _nothing,
    "POST /v1/decisions/{number}:undo": Chooser.undo,
    "POST /v1/steps/{number}:undo": Chooser.undo,
    "POST /v1/steps/{number}:approve": Chooser.undo,
    "POST /v1/persons:merge": _merge,
    "POST /v1/persons/{eid}:split": _split,
    "POST /v1/persons/{eid}:move": _move,
    "GET /v1/jobs": _nothing,
    "GET /v1/jobs/{number}": _nothing,
    "POST /v1/recluster-runs": lambda c: {"json": {"refresh_lists": c.is_rare()}},
    "GET /v1/recluster-runs": _nothing,
    "GET /v1/recluster-runs/{number}": _nothing,
    "POST /v1/recluster-runs/{number}:apply": lambda c: {"json": {"items": [1]} if c.is_rare() else {}},
    "POST /v1/recluster-runs/{number}:reject": _reason,
    "POST /v1/recluster-runs/{number}:rollback": _reason,
    "POST /v1/recluster-runs:simulate": lambda c: {"json": _thresholds(c)},
    "GET /v1/holds": _nothing,
    "POST /v1/holds/{number}:release": _reason,
    "POST /v1/holds/{number}:refuse": _reason,
    "GET /v1/events": lambda c: {
        "params": {"after": int(c.seen("cursor", "0")), "limit": c.one_of(1, 5, 500)}
    },
    "GET /v1/webhooks": _nothing,
    "POST /v1/webhooks": lambda c: {
        "json": {"url": c.one_of("https://192.0.2.1/", "x"), "after": c.one_of(0, 5)}
    },
    "GET /v1/webhooks/{code}": _nothing,
    "DELETE /v1/webhooks/{code}": _nothing,
    "POST /v1/webhooks/{code}:rotate": lambda c: {"json": {"overlap_hours": c.one_of(0, 24)}},
    "POST /v1/webhooks/{code}:pause": _nothing,
    "POST /v1/webhooks/{code}:resume": _nothing,
    "POST /v1/webhooks/{code}:replay": lambda c: {"json": {"after": c.one_of(0, 5)}},
    "POST /v1/webhooks/{code}:test": _nothing,
    "GET /v1/review-tasks": lambda c: {"params": {"limit": c.chance.randint(1, 60)}},
    "GET /v1/quality": _nothing,
    "GET /v1/students-in-care": lambda c: {"params": {"show": c.one_of("all", "new", "entered", "left")}},
    "GET /v1/children-in-care": lambda c: {"params": {"caseworker": c.one_of("cal", "nobody")}},
    "GET /v1/reports": _nothing,
    "GET /v1/reports/{report_name}": lambda c: {"params": {"care": c.one_of("essa", "afcars")}},
    "GET /v1/contacts": lambda c: {"params": {"level": c.one_of("state", "district")}},
    "POST /v1/local-match": lambda c: {
        "json": {"local_id": c.local_id(), c.one_of("client_number", "case_number"): c.local_id()}
    },
    "POST /v1/enroll-today": lambda c: {"json": {"local_id": c.local_id()}},
    "GET /v1/quality/forecast": lambda c: {"params": _thresholds(c)},
    "POST /v1/blind-pairs:draw": lambda c: {"json": {"size": c.one_of(1, 9)}},
    "GET /v1/blind-pairs/next": _nothing,
    "POST /v1/blind-pairs/{number}:answer": _pair_answer,
    "GET /v1/practice-pairs/next": _nothing,
    "POST /v1/practice-pairs/{number}:answer": _pair_answer,
    "GET /v1/review-questions": _questions,
    "GET /v1/review-questions/{question_key}": _nothing,
    "POST /v1/review-tasks:bulk": _bulk_questions,
    f"POST {_ITEM}:claim": _note,
    f"POST {_ITEM}:release": _note,
    f"POST {_ITEM}:defer": _defer,
    f"POST {_ITEM}:assign": _assign,
    f"POST {_ITEM}:escalate": lambda _: {"json": {"note": "cannot tell"}},
    f"POST {_ITEM}:ask": _ask,
    f"POST {_ITEM}:decide": lambda c: {"json": c.verdicts()},
    f"POST {_ITEM}:undo": lambda c: {"json": {"step": c.number(), "preview": c.is_rare()}},
    "GET /v1/owner-questions": lambda c: {"params": {"answered": c.one_of(True, False)}},
    "POST /v1/owner-questions/{number}:answer": _owner_answer,
    "POST /v1/sources/{source}:freeze": lambda c: {"json": {"begins_on": c.day(), "ends_on": c.day()}},
    "GET /v1/freeze-windows": _nothing,
    "POST /v1/freeze-windows/{number}:lift": _reason,
    "POST /v1/sources/{source}:ask-consent": lambda c: {"json": {"asks": c.is_rare(0.3)}},
    "POST /v1/sources/{source}:rename": lambda _c: {"json": {"display_name": "Another name"}},
    "POST /v1/sources/{source}:retire": lambda c: {"json": {"retired": False, "preview": c.is_rare(0.5)}},
    "GET /v1/waiting-steps": _nothing,
    "POST /v1/steps/{number}:consent": Chooser.undo,
    "POST /v1/steps/{number}:refuse": Chooser.undo,
    "GET /v1/expunge-requests": _nothing,
    "POST /v1/expunge-requests:approve": _expunge,
    "POST /v1/expunge-requests:refuse": _expunge,
    "GET /v1/unseal-requests": _nothing,
    "POST /v1/unseal-requests": _unseal,
    "POST /v1/unseal-requests:approve": _answer_unseal,
    "POST /v1/unseal-requests:refuse": _answer_unseal,
    "GET /v1/subpoenas": _nothing,
    "POST /v1/subpoenas": _subpoena,
    f"POST {_CASE}:notify": lambda c: {"json": {"day": c.day()}},
    f"POST {_CASE}:decide": _decide_subpoena,
    f"POST {_CASE}:release": lambda c: {"json": {"reference": c.one_of("26-JV-0412", "26-JV-7")}},
    "GET /v1/ledger": lambda c: {
        "params": {"enterprise_id": c.eid()} if c.is_rare(0.5) else {"action": c.one_of("person.read", "no")}
    },
    "POST /v1/ledger/link-disclosures": _explanation,
    "GET /v1/incidents": lambda c: {"params": {"with_closed": c.one_of(True, False)}},
    "GET /v1/incidents/{code}": _nothing,
    "POST /v1/incidents/{code}:send": _nothing,
    "POST /v1/incidents/{code}:acknowledge": lambda c: {"json": {"client": c.one_of("all", "x"), "by": "R"}},
    "POST /v1/incidents/{code}:close": lambda _: {"json": {"by": "P. Officer", "note": "done"}},
    "GET /v1/corrections": _nothing,
    "POST /v1/corrections/{code}:acknowledge": _nothing,
    "GET /v1/rights-cases": _nothing,
    "POST /v1/rights-cases": _rights_request,
    f"POST {_RIGHTS}:release": lambda _: {
        "json": {"checks": ["identity", "rights", "protection", "age"], "released_by": "P. Officer"}
    },
    f"POST {_RIGHTS}:refuse": lambda c: {
        "json": {"reason": c.one_of("other", "no_record", "none"), "decided_by": "P. Officer"}
    },
    f"POST {_RIGHTS}:grant": lambda c: {"json": {"decided_by": c.one_of("P. Officer", "")}},
    f"POST {_RIGHTS}:ask-hearing": lambda _: {"json": {}},
    f"POST {_RIGHTS}:decide-hearing": lambda c: {"json": {"officer": "H. Officer", "amends": c.is_rare(0.5)}},
    f"POST {_RIGHTS}:attach-statement": lambda c: {"json": {"statement": c.one_of("It is wrong.", "")}},
    "GET /v1/legal-holds": _nothing,
    "POST /v1/legal-holds": _legal_hold,
    "POST /v1/legal-holds/{code}:lift": lambda _: {"json": {"lifted_by": "C. Counsel", "reason": "settled"}},
    "GET /v1/retention": _nothing,
    "GET /v1/destruction-runs": _nothing,
    "POST /v1/destruction-runs": lambda c: {"json": {"source": c.source()}},
    "POST /v1/destruction-runs/{number}:approve": lambda c: {
        "json": {"approved_by": "P. Officer", "records": c.one_of(1, 2, 3)}
    },
    "POST /v1/destruction-runs/{number}:execute": lambda _: {"json": {}},
    "GET /v1/destruction-runs/{number}/certificate": _nothing,
    "GET /v1/research-projects": _nothing,
    "GET /v1/research-projects/{code}": _nothing,
    "POST /v1/research-projects": lambda c: {
        "json": {"code": c.one_of("reading", "other", "A B"), "title": "Reading", "opened_by": "D. Director"}
    },
    "POST /v1/research-projects/{code}:end": lambda _: {"json": {"ended_by": "D. Director"}},
    "GET /v1/disclosure-consents": lambda c: {"params": c.ref()},
    "POST /v1/disclosure-consents": _disclosure_consent,
    "POST /v1/disclosure-consents/{code}:revoke": lambda c: {
        "json": {"reference": c.one_of("1", "CF-2026-0417")}
    },
    "GET /v1/agreements": _nothing,
    "POST /v1/agreements": lambda c: {"json": c.agreement()},
    f"GET {_AGREEMENT}": _nothing,
    f"GET {_AGREEMENT}/history": _nothing,
    f"POST {_AGREEMENT}:approve": _approve_agreement,
    f"POST {_AGREEMENT}:suspend": _reason,
    f"POST {_AGREEMENT}:resume": _reason,
    f"POST {_AGREEMENT}:end": _reason,
    "GET /v1/agreement-duties": _nothing,
    "GET /v1/obligations": _nothing,
    "GET /v1/purposes": _nothing,
    "GET /v1/legal-bases": _nothing,
    "POST /v1/links": lambda c: {"json": c.ref() if c.is_rare(0.7) else {"question": c.key()}},
    "GET /v1/review-views": _nothing,
    "POST /v1/review-views": _view,
    "POST /v1/review-views:forget": lambda c: {"json": {"name": c.one_of("due", "north")}},
    "GET /healthz": _nothing,
    "GET /readyz": _nothing,
    "GET /metrics": _nothing,
}
"""Query and body of a random call, by method and route of the API."""

PAGES = (
    "/style.css", "/desk.js", "/icon.svg", "/docs", "/docs/{name}", "/",
    "/find", "/people", "/people/{eid}", "/people/{eid}/unlink",
    "/people/{eid}/correct", "/people/{eid}/link", "/people/{eid}/move", "/link", "/register", "/runs",
    "/runs/{number}", "/jobs", "/jobs/{number}",
    "/blind", "/practice", "/quality", "/students-in-care", "/students-in-care.csv", "/my-children",
    "/my-children.csv", "/my-children/{eid}/case-plan", "/contacts", "/obligations", "/local-match",
    "/reports", "/reports/{report_name}", "/reports/{report_name}.csv",
    "/accounts",
    "/account-requests", "/accounts/{name}", "/accounts/{name}/end", "/clients", "/clients/{name}",
    "/clients/{name}/end", "/loads", "/loads/{number}", "/loads/{number}/rejects.csv", "/loads/{number}/undo",
    "/files", "/files/{upload}", "/files/{upload}/mapping.toml",
    "/freezes", "/issues", "/issues.csv", "/scorecard", "/sources", "/sources/{source}", "/health",
    "/queue", "/queue/{key}", "/waiting", "/waiting/{number}", "/asked", "/sign-in", "/change-password",
    "/sessions", "/second-factor", "/first-account/{token}", "/sign-in/provider", "/sign-in/answer",
    "/papers", "/transparency",
    "/agreements", "/agreements/{code}", "/emergency", "/emergency/uses", "/ledger",
    "/incidents", "/incidents/{code}", "/corrections", "/ledger/link",
    "/ledger.csv", "/seals", "/subpoenas", "/subpoenas/{code}", "/consents", "/rights", "/rights/{code}",
    "/retention", "/research", "/sources/{source}/rule",
    "/activity", "/workload", "/go/{code}",
)  # fmt: skip
"""Routes of the pages."""

FORMS: Mapping[str, tuple[str, ...]] = {
    "/find/key": ("source", "local_id"),
    "/find": ("first_name", "last_name", "birth_date"),
    "/register": (
        "do",
        "source",
        "local_id",
        "first_name",
        "last_name",
        "birth_date",
        "whose",
        "shown",
        "checked",
        "reason",
        "once",
        "confirm",
    ),
    "/people/{eid}/unlink": ("etag", "record", "reason", "note", "rest", "confirm"),
    "/people/{eid}/link": (
        "do",
        "other",
        "first_name",
        "last_name",
        "birth_date",
        "etag",
        "survivor",
        "reason",
        "note",
        "supersedes",
        "once",
        "confirm",
    ),
    "/people/{eid}/move": (
        "do",
        "record",
        "to",
        "other",
        "first_name",
        "last_name",
        "birth_date",
        "etag",
        "target_etag",
        "reason",
        "note",
        "supersedes",
        "once",
        "confirm",
    ),
    "/people/{eid}/correct": ("etag", "attribute", "value", "reason", "note"),
    "/why": ("pair", "eid"),
    "/steps/{step}/undo": ("eid", "confirm"),
    "/runs": (),
    "/runs/{number}": ("do", "item"),
    "/blind/{number}": ("verdict",),
    "/practice/{number}": ("verdict",),
    "/accounts": ("name", "full_name", "role", "which", "source"),
    "/accounts/{name}": ("do", "version", "role", "which", "source", "confirm"),
    "/account-requests/{number}": ("do",),
    "/clients/{name}": ("do", "version", "overlap", "expires_on", "confirm"),
    "/files": ("starter", "state", "sheet"),
    "/files/{upload}": ("do", "source", "snapshot", "state"),
    "/loads/{number}/undo": ("reason", "confirm"),
    "/freezes": ("do", "source", "window", "begins_on", "ends_on", "reason"),
    "/sources": ("code", "name", "agency", "kind", "holdings", "one_id"),
    "/sources/{source}": ("do", "holdings", "asks", "reason"),
    "/agreements/{code}": ("do", "version", "reason"),
    "/emergency": ("do", "reason"),
    "/local-match": (
        "source",
        "local_id",
        "first_name",
        "last_name",
        "birth_date",
        "client_number",
        "case_number",
    ),
    "/enroll-today": ("source", "local_id"),
    "/emergency/uses": ("client", "begun", "note"),
    "/activity": ("do", "item", "address"),
    "/seals": ("kind", "source", "local_id", "reason", "confirm", "do"),
    "/subpoenas": ("source", "court", "reference", "received", "due", "local_ids", "field"),
    "/subpoenas/{code}": ("do", "day", "verdict", "counsel", "reason", "reference"),
    "/rights": (
        "source",
        "local_id",
        "kind",
        "relation",
        "identification",
        "identified_by",
        "reference",
        "received",
        "owner",
    ),
    "/rights/{code}": ("do", "name", "check", "reason", "statement"),
    "/incidents/{code}": ("do", "client", "by", "note"),
    "/corrections/{code}": (),
    "/ledger/link": ("source", "local_id", "other_source", "other_local_id"),
    "/retention": ("do", "source", "local_id", "reference", "reason", "name", "run", "records", "hold"),
    "/research": ("do", "code", "title", "name", "method", "on", "confirm"),
    "/sources/{source}/rule": (
        "version",
        "inspection",
        "citation",
        "inspection_days",
        "amendment_days",
        "hearing_days",
        "appeal_office",
        "retention_days",
        "retention_begins",
        "retention_agreement",
    ),
    "/consents": ("do", "source", "local_id", "code", "reference", "agreement", "recipient", "signer"),
    "/queue": ("query", "child"),
    "/queue/bulk": ("query", "key", "key", "until", "to", "do"),
    "/queue/bulk/undo": ("bulk",),
    "/views": ("name", "state", "kind", "source", "forget"),
    "/waiting/{number}": ("word", "shown", "reason", "note"),
    "/jobs/{number}": (),
    "/queue/next": (),
    "/queue/{key}/claim": (),
    "/queue/{key}/release": (),
    "/queue/{key}/defer": ("until",),
    "/queue/{key}/assign": ("to",),
    "/queue/{key}/escalate": ("note",),
    "/queue/{key}/reply": ("note",),
    "/queue/{key}/note": ("note", "mention"),
    "/queue/{key}/answer": ("etag", "seen", "pair", "verdict-0", "reason", "note", "preview"),
    "/queue/{key}/respond": ("etag", "response", "reason", "note", "decision"),
    "/queue/{key}/undo": ("step",),
    "/queue/{key}/ask": ("record", "asks", "note"),
    "/asked/{number}": ("answer", "note", "alike"),
    "/sign-in": ("name", "password", "purpose", "next"),
    "/sign-out": (),
    "/oauth/token": ("grant_type", "client_id", "client_secret", "scope"),
    "/session": (),
    "/change-password": ("old", "new", "again"),
    "/sessions": ("do", "session"),
    "/second-factor": ("do", "code", "password"),
    "/first-account/{token}": ("name", "full_name", "new", "again"),
    "/view-as": ("role", "next"),
}
"""Fields of the forms, by the route that they are sent to."""

_FIELD_VALUES: Mapping[str, tuple[str, ...]] = {
    "do": (
        "apply",
        "apply-all",
        "reject",
        "rollback",
        "unlock",
        "end",
        "defer",
        "assign",
        "approve",
        "suspend",
        "resume",
        "begin",
        "refuse",
        "notify",
        "decide",
        "release",
        "find",
        "record",
        "revoke",
        "open",
        "dismiss",
        "dismiss_all",
        "mail_on",
        "mail_off",
        "confirm",
        "change",
        "password",
        "rotate",
        "expiry",
        "freeze",
        "lift",
        "pause",
        "holdings",
        "consent",
        "search",
        "enter",
        "check",
        "grant",
        "hearing",
        "amend",
        "uphold",
        "attach",
        "hold",
        "plan",
        "run",
        "end-others",
    ),
    "whose": ("new", "new", "other"),
    "client": ("contact", "rescue", "sis"),
    "version": ("1", "1", "2", "x", make_rule_version(default_rule(SourceKind.SIS))),
    "verdict": ("same", "different", "unsure"),
    "verdict-0": ("same", "different", "unsure"),
    "word": ("consent", "refuse", "approve", "send-back"),
    "response": ("confirm", "revoke", "approve", "release", "refuse"),
    "answer": tuple(OWNER_ANSWERS),
    "asks": tuple(FIELDS_BY_REQUEST_KIND),
    "to": ("steward", "sis-steward", "approver", "nobody", "new", "other", "other"),
    "mention": ("", "steward", "sis-steward", "nobody"),
    "role": tuple(Role),
    "purpose": ("", "data_quality", "school_stability", "system_admin", "emergency_breakglass"),
    "reason": ("test", "same-child", "other"),
    "name": ("north", "steward", "sis-steward"),
    "first_name": ("Jayden", "Maria", ""),
    "last_name": ("Cruz", "Garcia", ""),
    "birth_date": ("2014-01-20", "2014-01-21", "soon"),
    "attribute": ("first_name", "birth_date"),
    "value": ("Jaylen", "2014-01-21"),
    "next": ("/", "/queue"),
    "state": ("open", "any"),
    "query": (
        "",
        "?sort=name",
        "?sort=age&max_age=13",
        "?sort=county",
        "?sort=system",
        "?sort=newest",
        "?county=Larkin",
        "?flag=foster_care",
        "?assignee=steward",
    ),
    "child": ("", "Jay", "Mar cr", "G"),
    "item": ("1", "2"),
    "window": ("1", "2"),
    "which": ("all", "some"),
    "overlap": ("0", "1", "7"),
    "holdings": ("all", "linked"),
    "code": ("late", "sis"),
}


_FIELD_CHOICES: Mapping[str, Callable[[Chooser], str]] = {
    **dict.fromkeys(("eid", "other", "survivor", "shown"), Chooser.eid),
    "key": Chooser.key,
    "local_id": Chooser.local_id,
    "source": Chooser.source,
    **dict.fromkeys(("until", "begins_on", "ends_on", "expires_on"), Chooser.day),
    "record": lambda c: "\t".join(c.ref().values()),
    "pair": lambda c: "\t".join([*c.ref().values(), *c.ref().values()]),
    **dict.fromkeys(("step", "decision", "supersedes"), lambda c: str(c.number())),
    **{
        name: lambda c, name=name: c.seen(name, "seventeen green kettles")
        for name in ("etag", "target_etag", "seen", "bulk", "password", "old", "new", "again")
    },
}


def invent_text(c: Chooser, name: str) -> str:
    """Return text for a form's field of a name."""
    if name in _FIELD_VALUES:
        return c.one_of(*_FIELD_VALUES[name])
    return _FIELD_CHOICES.get(name, lambda _: "as the office said")(c)


def fill_path(c: Chooser, route: str) -> str:
    """Return a path of a route."""
    ref = c.ref()
    values = {
        "source": lambda: ref["source"],
        "local_id": lambda: ref["local_id"],
        "eid": c.eid,
        "id": c.eid,
        "number": c.number,
        "step": c.number,
        "key": c.key,
        "question_key": c.key,
        "name": lambda: c.one_of("sis-steward", "nobody"),
        "client": lambda: c.one_of("sis-steward", "nobody"),
        "report_name": lambda: c.one_of("waterfall", "populations", "nothing"),
        "code": c.agreement_code if "/agreements" in route else c.case_code,
        "token": lambda: c.seen("token", "unknown-link"),
        "upload": lambda: "0" * 32,
    }
    return re.sub(r"\{(\w+)\}", lambda found: c.path_values.get(found[1]) or str(values[found[1]]()), route)


HEADER = "local_id,first_name,last_name,birth_date,postal_code\n"


def _file(c: Chooser) -> dict[str, str]:
    """Return a file of a source's records."""
    content = c.content
    names = ("first_name", "last_name", "birth_date", "postal_code")
    lines = [
        ",".join([c.local_id(), *(str(content.get(name) or "") for name in names)])
        for _ in range(c.chance.randint(0, 3))
    ]
    return {"file.csv": HEADER + "".join(f"{line}\n" for line in dict.fromkeys(lines))}


@dataclass(frozen=True)
class Command:
    """A random command: its arguments, its input and the files that it reads."""

    arguments: tuple[object, ...] = ()
    text: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def _ref_text(c: Chooser) -> str:
    return ":".join(c.ref().values())


def _json(c: Chooser) -> tuple[str, ...]:
    return ("--json",) if c.is_rare(0.5) else ()


def _ingest(c: Chooser) -> Command:
    options = [option for option in ("--dry-run", "--confirm") if c.is_rare(0.4)]
    snapshot = c.one_of("delta", "full")
    arguments = ("file.csv", "--source", c.source(), "--snapshot", snapshot, *options, "--rejects", "out.csv")
    return Command(arguments, files=_file(c))


def _rekey(c: Chooser) -> Command:
    files = {"file.csv": f"old,new\n{c.local_id()},{c.local_id()}\n"}
    return Command(("file.csv", "--source", c.source()), files=files)


def _merges_import(c: Chooser) -> Command:
    files = {"file.csv": f"old_local_id,new_local_id\n{c.local_id()},{c.local_id()}\n"}
    return Command(("file.csv", "--source", c.source()), files=files)


def _caseload(c: Chooser) -> Command:
    files = {"file.csv": f"local_id,caseworker,name\n{c.local_id()},cal,Cal Osei\n"}
    return Command(("file.csv", "--source", c.source()), files=files)


def _child_items(c: Chooser) -> Command:
    files = {"file.csv": f"local_id,contact_restriction\n{c.local_id()},{c.one_of('yes', 'no')}\n"}
    return Command(("file.csv", "--source", c.source()), files=files)


def _import_crosswalk(c: Chooser) -> Command:
    line = f"{c.source()},{c.local_id()},{c.eid()}\n"
    files = {"file.csv": f"source,local_id,enterprise_id\n{line}"}
    return Command(("file.csv", "--source", "sis2", *(("--adopt",) if c.is_rare() else ())), files=files)


def _resolve(c: Chooser) -> Command:
    return Command(text=json.dumps({**c.ref(), **c.record()}))


def _agreement_file(c: Chooser) -> Command:
    text = "".join(f"{key} = {_to_toml(value)}\n" for key, value in c.agreement().items())
    return Command(("terms.toml",), files={"terms.toml": "code = [" if c.is_rare(0.1) else text})


def _to_toml(value: object) -> str:
    """Write a value as TOML."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_to_toml(other)}' for key, other in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_to_toml, value))}]"
    return json.dumps(value)


def _agreement_step(c: Chooser) -> Command:
    return Command((c.agreement_code(), "--reason", c.one_of("breach reported", "breach reported", "")))


def _destroyed(c: Chooser) -> tuple[str, ...]:
    who = (c.agreement_code(), "--party", c.one_of("agency", "district"), "--by", "R. Alvarado")
    return (*who, "--through", c.day(), "--method", "files overwritten")


def _approve_terms(c: Chooser) -> Command:
    version = ("--version", c.one_of(1, 2)) if c.is_rare() else ()
    return Command((c.agreement_code(), *version, *c.one_of(("--client",), ("--client",), ("--alone",), ())))


def _as_client(c: Chooser) -> tuple[str, ...]:
    return ("--client",) if c.is_rare(0.5) else ()


def _unseal_command(c: Chooser) -> Command:
    ref = ("--reference", c.one_of("26-JV-0412", "no digit"))
    return Command((c.local_id(), "--source", c.source(), *ref, *_as_client(c)))


def _add_consent(c: Chooser) -> Command:
    scope = (
        "--agreement",
        c.agreement_code(),
        "--recipient",
        "agency",
        "--purpose",
        c.one_of(*CARE_PURPOSES),
    )
    paper = ("--signed", c.day(), "--ends", c.day(), "--signer", "parent", "--reference", "CF-2026-0417")
    return Command((c.local_id(), "--source", c.source(), *scope, "--field", "grade", *paper))


def _open_subpoena(c: Chooser) -> Command:
    texts = ("--court", "Juvenile Court", "--reference", c.one_of("26-JV-0412", "no digit"))
    days = ("--served-by", "Clerk", "--received", c.day(), "--due", c.day())
    fields = ("--field", c.one_of("first_name", "city", "ssn"), "--field", "grade")
    return Command((c.local_id(), "--source", c.source(), *texts, *days, *fields, *_as_client(c)))


def _open_rights_case(c: Chooser) -> Command:
    who = ("--relation", c.one_of("parent", "student"), "--identification", "photo_id")
    texts = ("--identified-by", "R. Registrar", "--owner", "Records", "--reference", "SR-2026-17")
    kind = ("--kind", "amend", "--field", "grade") if c.is_rare(0.4) else ()
    options = (*who, *texts, "--received", c.day(), *kind, *_as_client(c))
    return Command((c.local_id(), "--source", c.source(), *options), text="06")


def _decide_case(c: Chooser) -> Command:
    kept = ("--field", "grade") if c.is_rare(0.5) else ()
    verdict = c.one_of("release", "release", "narrow", "refuse", "none")
    texts = ("--counsel", "R. Alvarado", "--reason", "relevant")
    return Command((c.case_code(), verdict, *texts, *kept, *_as_client(c)))


def _answer_about_record(c: Chooser) -> Command:
    return Command((c.local_id(), "--source", c.source(), *_as_client(c)))


def _explain_policy(c: Chooser) -> Command:
    who = ("--client", c.one_of("all", "district", "rescue", "nobody"))
    if c.is_rare(0.4):
        who = ("--account", c.one_of("steward", "contact", "nobody"))
    action = ("--action", c.one_of("person.read", "record.write", "recluster", "no-such"))
    purpose = ("--purpose", c.one_of("data_quality", "emergency_breakglass", "curiosity", *CARE_PURPOSES))
    child = ("--source", c.source(), "--population", c.one_of("foster_care", "homeless"))
    parts = [purpose] if c.is_rare(0.8) else []
    return Command((*who, *action, *(text for part in [*parts, child] for text in part)))


def _certificate(c: Chooser) -> Command:
    seen = c.memory.values.get("certificate")
    if seen and c.is_rare(0.5):
        text = c.one_of(*seen).replace('"records":1', '"records":2' if c.is_rare() else '"records":1')
        return Command(("--check", "seen.json"), files={"seen.json": text})
    return Command(c.one_of((), (1,), (c.number(),)))


COMMANDS: Mapping[str, Callable[[Chooser], Command]] = {
    # A source of the same name as one of another agency: their clash is the shared index's to report.
    "source add": lambda c: Command((c.one_of("hmis", "courts", "sis3"),)),
    "source set": lambda c: Command((c.source(), "--holdings", c.one_of("all", "all", "linked", "tokens"))),
    "source list": lambda _: Command(),
    "source rename": lambda c: Command((c.source(), c.one_of("Schools", "Care"))),
    "source pause": lambda c: Command((c.source(),)),
    "source resume": lambda c: Command((c.source(),)),
    "source consent": lambda c: Command((c.source(), *(("--no",) if c.is_rare(0.7) else ()))),
    "scope add": lambda c: Command((c.one_of("child_welfare", "new"),)),
    "scope list": lambda _: Command(),
    "scope sync": lambda c: Command(() if c.is_rare(0.5) else (c.one_of("child_welfare", "education"),)),
    "scope split": lambda c: Command(("child_welfare", "--source", c.source(), "--dry-run")),
    "holdings apply": lambda c: Command((c.source(), *(("--dry-run",) if c.is_rare(0.6) else ()))),
    "holdings approve": lambda c: Command((c.source(), *_as_client(c))),
    "holdings ask": lambda _: Command(),
    "holdings list": lambda c: Command(("--source", c.source()) if c.is_rare(0.5) else ()),
    "policy papers": lambda c: Command(("--json",) if c.is_rare() else ()),
    "policy explain": lambda c: Command() if c.is_rare() else _explain_policy(c),
    "break-glass list": lambda _: Command(),
    "break-glass review": lambda c: Command(
        (c.one_of("rescue", "rescue", "all", "nobody"), "--note", c.one_of("all in order", ""))
    ),
    "agreement add": _agreement_file,
    "agreement list": lambda _: Command(),
    "agreement show": lambda c: Command((c.agreement_code(),)),
    "agreement history": lambda c: Command((c.agreement_code(),)),
    "agreement approve": _approve_terms,
    "agreement suspend": _agreement_step,
    "agreement resume": _agreement_step,
    "agreement end": _agreement_step,
    "agreement due": lambda c: Command(("--overdue",) if c.is_rare() else ()),
    "agreement clock": lambda c: Command((c.agreement_code(), "inspection", "--party", "agency")),
    "agreement met": lambda c: Command((c.case_code(), "--by", "R. Alvarado")),
    "agreement destroyed": lambda c: Command(() if c.is_rare() else _destroyed(c)),
    "agreement refusals": lambda c: Command(("--days", c.one_of(1, 7, 3_650))),
    "purpose list": lambda _: Command(),
    "purpose add": lambda c: Command(
        (
            c.one_of("kinship_visits", "school_meals", "police_search"),
            *("--title", "Visits", "--vision", "Plan visits", "--value", "The child sees the family"),
        )
    ),
    "freeze add": lambda c: Command(
        (c.source(), "--from", c.day(), "--to", c.day(), "--reason", "count-day")
    ),
    "freeze list": lambda _: Command(),
    "freeze lift": lambda c: Command((c.number(), "--reason", "done")),
    "client add": lambda c: Command(
        (c.one_of("housing-desk", "sis"), "--scope", "record.read", "--source", c.source())
    ),
    "client list": lambda _: Command(),
    "client bind": lambda c: Command(
        (c.one_of("lookup", "district", "nobody"), "--agreement", c.agreement_code())
    ),
    "client rotate": lambda c: Command((c.one_of("housing-desk", "nobody"),)),
    "client expire": lambda c: Command((c.one_of("housing-desk", "nobody"), "--on", c.day())),
    "client subject": lambda c: Command(
        (c.one_of("housing-desk", "nobody"), *(("--none",) if c.is_rare() else ("--name", "housing")))
    ),
    "client revoke": lambda c: Command((c.one_of("housing-desk", "nobody"),)),
    "account add": lambda c: Command(
        (c.one_of("eve", "steward"), "--role", "steward", "--full-name", "Eve", "--source", c.source())
    ),
    "account list": lambda _: Command(),
    "account bind": lambda c: Command(
        (c.one_of("eve", "contact", "nobody"), "--agreement", c.agreement_code())
    ),
    "account grant": lambda c: Command(
        (
            c.one_of("eve", "contact", "steward"),
            *(("--scope", "break.glass") if c.is_rare(0.7) else ("--none",)),
        )
    ),
    "account change": lambda c: Command((c.one_of("eve", "nobody"), "--role", "steward", "--source", "sis")),
    "account password": lambda c: Command((c.one_of("eve", "nobody"),)),
    "account link": lambda c: Command(
        (c.one_of("eve", "nobody"), *(("--none",) if c.is_rare() else ("--subject", "u-eve")))
    ),
    "account reset-second-factor": lambda c: Command((c.one_of("eve", "nobody"),)),
    "account unlock": lambda c: Command((c.one_of("eve", "nobody"),)),
    "account end": lambda c: Command((c.one_of("eve", "nobody"),)),
    "ingest": _ingest,
    "load undo": lambda c: Command((c.number(), *(("--preview",) if c.is_rare(0.5) else ()))),
    "resolve": _resolve,
    "import crosswalk": _import_crosswalk,
    "rekey": _rekey,
    "merges import": _merges_import,
    "caseload": _caseload,
    "child-items": _child_items,
    "responsibilities": lambda c: Command(("--late",) if c.is_rare() else ()),
    "contacts": lambda c: Command(("--due",) if c.is_rare() else ()),
    "separate": lambda c: Command((f"{c.source()}:{c.local_id()}", c.local_id())),
    "retired-ids": lambda c: Command(("--source", c.source())),
    "ticket open": lambda c: Command(
        (c.source(), "--field", "sex", "--kind", "unknown-code", "--owner", "Olu", "--due", "2031-01-01")
    ),
    "ticket list": lambda c: Command((c.source(),)),
    "ticket close": lambda c: Command((c.source(), c.number())),
    "issues": lambda c: Command((c.source(), "--state", c.one_of("open", "ended", "all"))),
    "merges list": lambda c: Command(("--source", c.source())),
    "merges take-back": lambda c: Command((c.number(), "--source", c.source())),
    "search": lambda c: Command(text=json.dumps(c.content)),
    "recluster": lambda c: Command(("--apply" if c.is_rare(0.3) else "--dry-run",)),
    "simulate": lambda c: Command(("--link", c.one_of("8", "14"))),
    "proposal make": lambda _: Command(),
    "proposal show": lambda c: Command((c.number(),) if c.is_rare(0.5) else ()),
    "proposal apply": lambda c: Command((c.number(),)),
    "proposal reject": lambda c: Command((c.number(),)),
    "proposal rollback": lambda c: Command((c.number(),)),
    "hold list": lambda _: Command(),
    "hold release": lambda c: Command((c.number(),)),
    "hold refuse": lambda c: Command((c.number(),)),
    "person": lambda c: Command((c.eid(),)),
    "lineage": lambda c: Command((c.eid(),)),
    "golden": lambda c: Command((c.eid(),)),
    "correct": lambda c: Command((c.eid(), "first_name", "Jaylen", "--reason", "test", "--note", "seen")),
    "explain": lambda c: Command((c.eid(),) if c.is_rare(0.5) else (_ref_text(c), _ref_text(c))),
    "crosswalk": lambda c: Command(("--source", c.source(), "--local-id", c.local_id())),
    "decide": lambda c: Command(("DIFFERENT", _ref_text(c), "/", _ref_text(c), "--reason", "sibling")),
    "decisions": lambda c: Command((c.number(),) if c.is_rare(0.5) else ()),
    "tasks": lambda c: Command((c.key(),) if c.is_rare(0.5) else ("--state", "any")),
    "merge": lambda c: Command((c.eid(), c.eid(), "--reason", "test", "--preview")),
    "split": lambda c: Command((c.eid(), _ref_text(c), "/", _ref_text(c), "--reason", "test")),
    "move": lambda c: Command((c.eid(), _ref_text(c), "--to", c.eid(), "--reason", "test")),
    "undo": lambda c: Command((c.number(), "--step", "--reason", "test")),
    "approve": lambda c: Command((c.number(),)),
    "consent": lambda c: Command((c.number(),)),
    "waiting": lambda _: Command(),
    "expunge list": lambda _: Command(),
    "expunge approve": _answer_about_record,
    "expunge refuse": _answer_about_record,
    "expunge certificate": _certificate,
    "unseal request": _unseal_command,
    "unseal list": lambda c: Command(_as_client(c)),
    "unseal approve": _answer_about_record,
    "unseal refuse": _answer_about_record,
    "disclosure-consent add": _add_consent,
    "disclosure-consent list": lambda c: Command((c.local_id(), "--source", c.source())),
    "disclosure-consent revoke": lambda c: Command((c.case_code(),)),
    "incident list": lambda c: Command(("--all",) if c.is_rare(0.5) else ()),
    "incident show": lambda c: Command((c.case_code(),)),
    "incident send": lambda c: Command((c.case_code(),)),
    "incident acknowledge": lambda c: Command((c.case_code(), c.one_of("all", "operator"), "--by", "R")),
    "incident close": lambda c: Command((c.case_code(), "--by", "P. Officer", "--note", "done")),
    "rights open": _open_rights_case,
    "rights list": lambda c: Command(_as_client(c)),
    "rights release": lambda c: Command(
        (
            c.case_code(),
            "--by",
            "P. Officer",
            *("--check", "identity", "--check", "rights", "--check", "protection"),
            *_as_client(c),
        )
    ),
    "rights refuse": lambda c: Command((c.case_code(), "--by", "P. Officer", "--reason", "other")),
    "rights grant": lambda c: Command((c.case_code(), "--by", "P. Officer", *_as_client(c))),
    "rights ask-hearing": lambda c: Command((c.case_code(),)),
    "rights hear": lambda c: Command((c.case_code(), "--officer", "H. Officer", "--uphold")),
    "rights attach": lambda c: Command((c.case_code(),), text="It is wrong."),
    "rights rule": lambda c: Command(
        (c.source(), *(("--retention-days", "0", "--inspection", "none") if c.is_rare(0.3) else ()))
    ),
    "legal-hold place": lambda c: Command(
        ("--source", c.source(), "--reference", "LH-2026-3", "--reason", "lawsuit", "--by", "C. Counsel")
    ),
    "legal-hold list": lambda c: Command(_as_client(c)),
    "legal-hold lift": lambda c: Command((c.case_code(), "--by", "C. Counsel", "--reason", "settled")),
    "destruction due": lambda c: Command(("--source", c.source()) if c.is_rare(0.5) else ()),
    "destruction plan": lambda c: Command((c.source(), *(("--dry-run",) if c.is_rare(0.5) else ()))),
    "destruction approve": lambda c: Command((1, "--by", "P. Officer", "--records", c.one_of(1, 2))),
    "destruction run": lambda c: Command((1, *_as_client(c))),
    "destruction list": lambda c: Command(_as_client(c)),
    "destruction certificate": lambda c: Command((1, *_as_client(c))),
    "research add": lambda c: Command((c.one_of("reading", "other"), "--title", "Reading", "--by", "D")),
    "research list": lambda _: Command(),
    "research export": lambda c: Command((c.one_of("reading", "other"), "--out", "research.csv")),
    "research terms": lambda c: Command(
        (
            c.one_of("reading", "other"),
            "--agreement",
            "house",
            "--party",
            "operator",
            "--irb",
            "IRB 1",
            "--irb-decision",
            "exempt",
            "--expires",
            "2099-01-01",
            "--field",
            "sex",
            "--by",
            "D",
        )
    ),
    "research show": lambda c: Command((c.one_of("reading", "other"),)),
    "research destroyed": lambda c: Command(
        (c.one_of("reading", "other"), "--by", "D", "--method", "overwritten")
    ),
    "export research": lambda c: Command(
        ("--project", c.one_of("reading", "other"), "--into", "research-extract")
    ),
    "research end": lambda c: Command((c.one_of("reading", "other"), "--by", "D")),
    "subpoena open": _open_subpoena,
    "subpoena list": lambda c: Command(_as_client(c)),
    "subpoena notify": lambda c: Command((c.case_code(), *_as_client(c))),
    "subpoena decide": _decide_case,
    "subpoena release": lambda c: Command((c.case_code(), *_as_client(c))),
    "export id-map": lambda c: Command(("--client", c.one_of("all", "nobody"), "--out", "map.csv")),
    "export crosswalk": lambda c: Command(
        ("--out", "out.csv", "--purpose", c.one_of("operational", "statistical"))
    ),
    "export school-record": lambda c: Command(
        ("--client", c.one_of("all", "nobody"), "--source", c.source(), "--out", "schools.csv")
    ),
    "export labels": lambda _: Command(("--out", "labels.csv")),
    "report": lambda c: Command((c.one_of("summary", "sources", "loads", "overlap", "creates"),)),
    "quality": lambda _: Command(),
    "calibration": lambda _: Command(),
    "publish": lambda _: Command(),
    "sample": lambda _: Command(("--size", "3")),
    "db upgrade": lambda _: Command(),
    "db check": lambda _: Command(),
    "db restored": lambda _: Command(),
    "db orders": lambda c: Command(("--write",) if c.is_rare() else ()),
    "blocks": lambda c: Command(("--finish",) if c.is_rare(0.5) else ()),
    "verify": lambda c: Command(("--model-fit",) if c.is_rare(0.4) else ()),
    "rebuild": lambda _: Command(),
}
"""Arguments of a random command of the scope's operator, by command."""

WITHOUT_JSON = frozenset({"publish", "break-glass review"})
"""Commands that print no JSON."""

RECORDS = tuple(route for route in API_CALLS if "/records" in route)
"""Routes that read and write records."""

REQUESTS = tuple(
    route for route in API_CALLS if "-requests" in route or "/agreements" in route or "/subpoenas" in route
)
"""Routes about what waits for a second person."""

_PROOFS = "prints the ledger with random nonces, or a key, to who holds the database"
COMMANDS_LEFT_OUT: Mapping[str, str] = {
    **{
        f"audit {name}": _PROOFS
        for name in ("sign", "verify", "prove", "export", "key", "lines", "link", "students")
    },
    "source retire": "ends the feeds of a source for the rest of the run, and names nothing but the source",
    "audit events": "prints names of clients and kinds of changes, and nothing of a record, to the operator",
    "backup": "writes a file that only a private key outside the site opens, and prints its size",
    "restore": "needs a place without an index",
    "keys backup": "makes a pair of keys in a new file, and opens no index",
    "db grants": "is about roles of the server, and reads no row",
    "digest send": "sends mail, which no test of a site configures; it says so before it reads the index",
    "doctor": "reads settings, keys and disk of the site; of the index it shows the checks of Health",
    **dict.fromkeys(
        ("config show", "config check", "config init"), "reads or writes settings of the site; opens no index"
    ),
    "metrics": "prints the time of the run; its checks are of the page Health, its counts the published ones",
    "demo": "makes an index of its own in another folder",
    "pilot": "makes an index of its own in a temporary folder, and destroys it",
    "watch": "loads the files of a folder as ingest does, which is called",
    "map": "reads a file of the agency and opens no index",
    "init": "makes an index; it refuses an existing one, whose scope the operator names",
    "keys encrypt": "writes every row anew under the key file of the site, and prints only how many",
    "keys rotate": "adds a key to the key file of the site, and prints only how many rows it wrote anew",
    "keys drop": "deletes keys from the key file of the site, and prints only their numbers",
    "tokens make": "reads a file of the agency and the secret of an exchange, and opens no index",
    "keys status": "prints the path of the site's key file and numbers of keys, nothing of a record",
    **{
        f"webhook {name}": "is about an address of a client; its routes are called, which do the same"
        for name in ("add", "list", "rotate", "pause", "resume", "replay", "test", "remove")
    },
    "webhook deliver": "delivers until it is stopped; no receiver of a webhook is on the site",
    **dict.fromkeys(("pull", "write-ids"), "calls another system, and no system is beside the site"),
    "serve": "listens until it is stopped; its routes are called in this process",
}
"""Commands that are not called, and why."""


def build_command(c: Chooser, name: str) -> tuple[tuple[str, ...], str, dict[str, str]]:
    """Return arguments, input and files of a random command."""
    command = COMMANDS[name](c)
    more = () if name in WITHOUT_JSON else _json(c)
    arguments = (*name.split(), *map(str, command.arguments), *more)
    return arguments, command.text, dict(command.files)
