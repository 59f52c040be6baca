"""API schemas of decisions, undoable steps (such as merges), and their effects."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, EXAMPLE_TIME, EnterpriseId
from mpi.api.schemas.persons import LabelOut
from mpi.api.schemas.request_bodies import Note, OptionalDate, Preview, Reason, ReasonBody, Supersedes
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.stewardship.merge_split_move import StepOptions

_LEFT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}
_RIGHT: dict[str, Any] = {"source": "CCWIS", "local_id": "C-88123"}
_SECOND_EID = "T8EB-2Z47-N10V"

_GROUPS = "One group of records; for DIFFERENT two or more."


class _StepBody(JsonBody):
    """Members that steps of a steward share."""

    reason: Reason
    note: Note = None
    supersedes: Supersedes = ()
    preview: Preview = False

    def build_options(self, etags: tuple[str, ...] | None) -> StepOptions:
        """Build a step's options, with the ETags of the request."""
        return StepOptions(
            reason=self.reason,
            note=self.note,
            supersedes=self.supersedes,
            expected_etags=etags,
            preview=self.preview,
        )


class DecisionBody(
    _StepBody,
    json_schema_extra={"example": {"kind": "DIFFERENT", "groups": [[_LEFT], [_RIGHT]], "reason": "sibling"}},
):
    """Decision whether groups of records are one person."""

    kind: DecisionKind
    groups: list[list[RecordRef]] = Field(description=_GROUPS)
    effective_from: OptionalDate = Field(None, description="Day from which the decision is in force.")
    recheck_on: OptionalDate = Field(None, description="Day from which a task asks to check the decision.")


class LinkReportBody(
    JsonBody,
    json_schema_extra={"example": {"kind": "SAME", "groups": [[_LEFT, _RIGHT]], "reason": "two-ids"}},
):
    """Claim of a wrong link, a missed link, or two IDs."""

    kind: DecisionKind = Field(description="The caller's claim: SAME or DIFFERENT.")
    groups: list[list[RecordRef]] = Field(description=_GROUPS)
    reason: Reason
    note: Note = None


class MergeBody(
    _StepBody,
    json_schema_extra={
        "example": {"eids": [EXAMPLE_EID, _SECOND_EID], "reason": "same-child", "preview": True}
    },
):
    """Merge of two or more persons."""

    eids: list[str] = Field(description="Enterprise IDs of the persons.")
    survivor: str | None = Field(
        None, description="Enterprise ID that stays; by default the survivor rule chooses."
    )


class SplitBody(
    _StepBody,
    json_schema_extra={"example": {"groups": [[_LEFT], [_RIGHT]], "keep": 0, "reason": "two-children"}},
):
    """Split of one person's records."""

    groups: list[list[RecordRef]] = Field(
        description="The person's records by part; with one part, the other records form the second."
    )
    keep: StrictInt | RecordRef | None = Field(
        None, description="The part that keeps the ID: its index from 0, or one of its records."
    )
    one_child: tuple[StrictInt, ...] = Field(
        (), description="Indexes from 0 of parts whose records are decided to be one child."
    )


class MoveBody(
    _StepBody, json_schema_extra={"example": {"records": [_LEFT], "to": _SECOND_EID, "reason": "wrong-child"}}
):
    """Move of records from one person to another."""

    records: list[RecordRef] = Field(description="The records.")
    to: str = Field(description="Enterprise ID of the person who gets the records.")


class UndoBody(ReasonBody, json_schema_extra={"example": {"reason": "mistaken", "preview": True}}):
    """Body of a call that undoes or answers a steward's step."""

    preview: Preview = False


class ReportedOut(BaseModel):
    """Number of a claim that waits for a steward."""

    model_config = ConfigDict(json_schema_extra={"example": {"claim": 15}})

    claim: int = Field(description="Number of the claim, in the numbering of decisions.")


class PersonEffectOut(BaseModel):
    """Effect of a step on one person."""

    enterprise_id: EnterpriseId | None = Field(
        description="Enterprise ID; null for an ID that a preview would mint."
    )
    change: str = Field(description="`kept`, `new`, `revived`, `retired` or `emptied`.")
    before: list[LabelOut] = Field(description="Records of the person before.")
    after: list[LabelOut] = Field(description="Records of the person after.")
    flags: list[str] = Field(description="Special populations flagged on those records.")


class MovedOut(BaseModel):
    """Record that moves to another person."""

    source: str = Field(description="The record's source.")
    local_id: str = Field(description="The record's local ID.")
    before: EnterpriseId | None = Field(description="Enterprise ID of the record before.")
    after: EnterpriseId | None = Field(
        description="Enterprise ID of the record after; null for an ID that would be minted."
    )


class StaysOut(BaseModel):
    """Link or separation that an undo leaves, and the opposite decision."""

    together: bool = Field(description="Whether the records stay one person; if not, they stay separate.")
    because: str = Field(description="`model` or `decision`.")
    offer: dict[str, Any] = Field(description="The opposite decision: its kind and groups.")


class ReceivedOut(BaseModel):
    """Past disclosure of records that were one person at the time."""

    at: str = Field(description="Time.")
    client: str = Field(description="Client that received the data.")
    purpose: str | None = Field(description="The purpose of use that the call named.")
    action: str = Field(description="Operation of the call.")
    fields: list[str] = Field(description="Names of the disclosed fields; the ledger stores no values.")
    handle: str | None = Field(description="Handle of an export, in place of its records.")
    records: list[LabelOut] = Field(description="The separated records that the disclosure was about.")


class EffectOut(BaseModel):
    """Effect of a step, or its preview, on the visible records."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "kind": "merge",
                "preview": False,
                "step": 7,
                "decisions": [12],
                "persons": [
                    {
                        "enterprise_id": EXAMPLE_EID,
                        "change": "kept",
                        "before": [_LEFT],
                        "after": [_RIGHT, _LEFT],
                        "flags": ["foster_care"],
                    },
                    {
                        "enterprise_id": _SECOND_EID,
                        "change": "retired",
                        "before": [_RIGHT],
                        "after": [],
                        "flags": ["foster_care"],
                    },
                ],
                "moved": [{**_RIGHT, "before": _SECOND_EID, "after": EXAMPLE_EID}],
                "told": ["district-01"],
                "stays": [],
                "etag": "3f0c5a",
                "awaiting": False,
                "disclosed": 0,
                "disclosures": [],
                "held_until": None,
                "approval": False,
                "consent_of": [],
            }
        }
    )

    kind: str = Field(description="`decision`, `merge`, `split`, `move`, `undo`, …")
    preview: bool = Field(description="Whether this is a preview, which changes nothing.")
    step: int | None = Field(description="Step number, for an undo.")
    decisions: list[int] = Field(description="Decisions made by the step.")
    persons: list[PersonEffectOut] = Field(description="Persons whose records change.")
    moved: list[MovedOut] = Field(description="Records that move to another person.")
    told: list[str] = Field(description="Clients that see the change in the feed.")
    stays: list[StaysOut] = Field(description="For an undo: what stays as it is, and why.")
    etag: str | None = Field(
        description="ETag of the persons as read, for `If-Match`; of a stored correction, as they are now."
    )
    awaiting: bool = Field(description="Whether the step waits for others and has had no effect yet.")
    disclosed: int | None = Field(
        description="Number of disclosures due to the removed links; null unless the client has all sources."
    )
    disclosures: list[ReceivedOut] = Field(
        description="Latest disclosures, newest first; only with scope `disclosure.read` on all sources."
    )
    held_until: str | None = Field(
        description="First day after the freeze window that holds the step; null without one."
    )
    approval: bool = Field(description="Whether the step waits for a second approver.")
    consent_of: list[str] = Field(
        description="Sources whose owners must consent, of those that the caller may see."
    )


class SeenOut(BaseModel):
    """Version of a record that the maker of a decision saw."""

    source: str = Field(description="The record's source.")
    local_id: str = Field(description="The record's local ID.")
    as_of: str | None = Field(description="Time of the version at its source; null for a withdrawn record.")


class EvidencePairOut(BaseModel):
    """Model's comparison of a pair when the decision was made, without values."""

    records: list[LabelOut] = Field(description="The pair.")
    match_weight: float = Field(description="Match weight in bits.")
    levels: dict[str, str] = Field(description="Comparison level by comparison.")


class EvidenceOut(BaseModel):
    """Evidence that the maker of a decision saw."""

    model: str | None = Field(description="Model, `name/version`.")
    pairs: list[EvidencePairOut] = Field(description="Compared pairs, highest match weight first.")


class ConsentOut(BaseModel):
    """Owner's consent to a step: asked, given or refused."""

    source: str = Field(description="The source's code.")
    status: str = Field(description="`asked`, `given` or `refused`.")
    asked_at: str = Field(description="Time of the question.")
    at: str | None = Field(description="Time of the answer.")
    by: str | None = Field(description="Who answered.")
    reason: str | None = Field(description="Reason code of the owner.")


class DecisionOut(BaseModel):
    """Decision about records, with maker, time, reason and evidence."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 12,
                "kind": "DIFFERENT",
                "status": "in_force",
                "suspended": False,
                "authority": "steward",
                "by": "district-01",
                "at": EXAMPLE_TIME,
                "reason": "sibling",
                "notes": [],
                "groups": [[_LEFT], [_RIGHT]],
                "seen": [{**_LEFT, "as_of": EXAMPLE_TIME}, {**_RIGHT, "as_of": EXAMPLE_TIME}],
                "evidence": {
                    "model": "children/7",
                    "pairs": [
                        {"records": [_LEFT, _RIGHT], "match_weight": 9.4, "levels": {"birth_date": "equal"}}
                    ],
                },
                "effective_from": None,
                "recheck_on": None,
                "supersedes": [],
                "step": 7,
                "origin": "decision",
                "ended_at": None,
                "ended_by": None,
                "consents": [],
            }
        }
    )

    id: int = Field(description="Number of the decision.")
    kind: DecisionKind = Field(description="SAME, DIFFERENT or UNSURE.")
    status: str = Field(
        description="`in_force`, `pending`, `awaiting` others' words, `superseded`, `revoked`, or `review` "
        "of a claim."
    )
    suspended: bool = Field(description="Whether the decision is in force but gives way to a stronger one.")
    authority: str = Field(description="Authority of the maker: `steward`, `source` or `migration`.")
    by: str = Field(description="Client or account that made the decision.")
    at: str = Field(description="Time.")
    reason: str = Field(description="Reason code of the maker.")
    notes: list[str] = Field(
        description="Free text; a client restricted to certain sources sees only its own notes."
    )
    groups: list[list[LabelOut]] = Field(description="Records by group.")
    seen: list[SeenOut] = Field(description="Record versions that the maker saw.")
    evidence: EvidenceOut = Field(description="Evidence that the maker saw.")
    effective_from: str | None = Field(description="Day from which a pending decision is in force.")
    recheck_on: str | None = Field(description="Day from which a task asks to check the decision.")
    supersedes: list[int] = Field(description="Decisions that this one superseded.")
    step: int | None = Field(description="Step that made the decision.")
    origin: str | None = Field(description="Kind of that step.")
    ended_at: str | None = Field(description="Time when the decision was superseded or revoked.")
    ended_by: str | None = Field(description="Client or account that ended the decision.")
    consents: list[ConsentOut] = Field(
        description="Consents of owners to the step, of sources that the caller may see."
    )
