"""Consents: which source owners must agree before a step takes effect.

A source may require that others' decisions about its records wait for its owner. Only sources that the maker
of a step may see are considered, as with freeze windows. Otherwise a step that waits for an unseen owner
would tell the maker that such a record exists. A maker who speaks for the owner is not asked for that source.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.decision import CORRECTION, DecisionKind
from mpi.domain.viewer import Viewer, is_source_owner
from mpi.storage.repositories.steps.consents import ConsentStatus, StoredConsent
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAKER = "maker"
"""Member of a waiting step's detail: the sources of its maker."""


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A source owner's consent to a steward's step, as asked and answered.

    Args:
        source: code of the owner's source.
        status: ``asked``, ``given`` or ``refused``.
        asked_at: time of the question (ISO, UTC).
        at: time of the answer.
        by: account or client that answered.
        reason: reason code of the answer.
    """

    source: str
    status: str
    asked_at: str
    at: str | None
    by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a steward's step, with visible and owned sources.

    Args:
        visible_sources: codes of the sources that the maker may see; None for all.
        owned_sources: codes of the sources whose owner the maker speaks for.
    """

    visible_sources: frozenset[str] | None
    owned_sources: frozenset[str]

    def to_detail(self) -> dict[str, Any]:
        """Return the maker as plain values, as stored with a steward's step."""
        return {
            "sees": None if self.visible_sources is None else sorted(self.visible_sources),
            "owned": sorted(self.owned_sources),
        }


def maker_from_viewer(viewer: Viewer) -> Maker:
    """Return the viewer as the maker of a steward's step."""
    return Maker(
        viewer.sources, frozenset(code for code in viewer.sources or () if is_source_owner(viewer, code))
    )


def maker_from_detail(detail: Mapping[str, Any]) -> Maker | None:
    """Return the maker stored with a steward's step; None in older steps."""
    stored = detail.get(MAKER)
    if stored is None:
        return None
    visible_sources = stored["sees"]
    return Maker(None if visible_sources is None else frozenset(visible_sources), frozenset(stored["owned"]))


def find_owners_to_ask(
    unit: ReadUnit, maker: Maker, record_ids: Collection[int], *, corrections_only: bool
) -> set[int]:
    """Return the sources whose owners must consent to a steward's decision.

    Args:
        unit: the transaction.
        maker: the maker of the decision.
        record_ids: numbers of the records.
        corrections_only: whether other records of the same persons stay unaffected, as with a correction.

    Returns:
        Source numbers.
    """
    asking_sources = {
        source.id: source.code
        for source in unit.sources.all()
        if source.asks_consent
        and source.code not in maker.owned_sources
        and (maker.visible_sources is None or source.code in maker.visible_sources)
    }
    if not asking_sources:
        return set()
    affected_records = (
        set(record_ids) if corrections_only else set(record_ids) | find_person_records(unit, record_ids)
    )
    labels = unit.records.labels(affected_records)
    affected_sources = {record.source_id for record in unit.records.get(labels).values()}
    return affected_sources & asking_sources.keys()


def find_owners_to_ask_of_undo(
    unit: ReadUnit, maker: Maker, revoked: Collection[StoredDecision], step_id: int | None
) -> set[int]:
    """Return the sources whose owners must consent to undoing a steward's step.

    These are the sources of the records, and every source whose owner consented to the step.

    Args:
        unit: the transaction.
        maker: the maker of the undo.
        revoked: the decisions to revoke, which are or were in force.
        step_id: the step that made them.
    """
    record_ids = {record for decision in revoked for record in decision.seen}
    source_ids = find_owners_to_ask(
        unit, maker, record_ids, corrections_only=is_only_corrections(decision.origin for decision in revoked)
    )
    consents = unit.consents.consents_of_steps([step_id]).get(step_id, ()) if step_id is not None else ()
    codes = {source.id: source.code for source in unit.sources.all()}
    earlier_consents = {consent.source_id for consent in consents if consent.status is ConsentStatus.GIVEN}
    return source_ids | {
        source_id for source_id in earlier_consents if codes[source_id] not in maker.owned_sources
    }


def is_only_corrections(origins: Iterable[str | None]) -> bool:
    """Return whether all decisions are value corrections, which move no record."""
    return all(origin == CORRECTION for origin in origins)


def needs_agreement(kind: DecisionKind, supersedes: Collection[int]) -> bool:
    """Return whether others may have to agree to a decision.

    "Cannot tell" moves no record, unless it replaces a decision that did.

    Args:
        kind: kind of the decision.
        supersedes: numbers of the decisions that it replaces.
    """
    return kind is not DecisionKind.UNSURE or bool(supersedes)


def list_open_consents(unit: ReadUnit, step_id: int) -> list[StoredConsent]:
    """List the consents to a steward's step that owners have not answered."""
    return [
        consent
        for consent in unit.consents.consents_of_steps([step_id]).get(step_id, ())
        if consent.status is ConsentStatus.ASKED
    ]


def ask_new_owners(
    unit: WriteUnit, step_id: int, detail: Mapping[str, Any], decisions: Collection[StoredDecision]
) -> None:
    """Ask source owners whose consent became necessary while a step waited.

    Records can join the persons in question, and sources can begin to require consent.
    """
    maker = maker_from_detail(detail)
    if maker is None:
        return
    record_ids = {record for decision in decisions for record in decision.seen}
    consents = unit.consents.consents_of_steps([step_id]).get(step_id, ())
    asked_sources = {consent.source_id for consent in consents}
    sources_to_ask = find_owners_to_ask(
        unit,
        maker,
        record_ids,
        corrections_only=is_only_corrections(decision.origin for decision in decisions),
    )
    unit.consents.add_requests(step_id, sources_to_ask - asked_sources, unit.commit_no)


def list_visible_codes(unit: ReadUnit, source_ids: Iterable[int]) -> tuple[str, ...]:
    """Return the codes of the given sources that the viewer may see."""
    wanted_ids = set(source_ids)
    codes = [source.code for source in unit.sources.all() if source.id in wanted_ids]
    return tuple(code for code in codes if unit.viewer.may_see(code))


def build_consent_views(unit: ReadUnit, consents: Iterable[StoredConsent]) -> tuple[ConsentView, ...]:
    """Build views of owners' consents, for the sources the viewer may see."""
    codes = {source.id: source.code for source in unit.sources.all()}
    visible_consents = [consent for consent in consents if unit.viewer.may_see(codes[consent.source_id])]
    commits = unit.commit_info(
        {
            commit_no
            for consent in visible_consents
            for commit_no in (consent.asked_commit, consent.commit_no)
            if commit_no is not None
        }
    )
    return tuple(
        ConsentView(
            source=codes[consent.source_id],
            status=consent.status.value,
            asked_at=commits[consent.asked_commit][0],
            at=None if consent.commit_no is None else commits[consent.commit_no][0],
            by=None if consent.commit_no is None else commits[consent.commit_no][1],
            reason=consent.reason,
        )
        for consent in visible_consents
    )


def find_person_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return all records of the persons that hold any of some records."""
    persons = set(unit.persons.current_persons(record_ids).values())
    return {record for members in unit.persons.members(persons).values() for record in members}
