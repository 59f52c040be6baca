"""Consents: whose consent a step needs, told from what its maker may know.

A source may ask that what others decide of its records waits for its owner. Asked for the sake of a record
that the maker of a step may not see, the owner's silence would tell the maker that there is one; so only the
sources that the maker sees are looked at, as with freeze windows. Who speaks for the owner himself is not
asked for that source.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.decision import CORRECTION
from mpi.domain.viewer import Viewer, is_source_owner
from mpi.storage.repositories.steps.consents import ConsentStatus, StoredConsent
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

MAKER = "maker"
"""Member of the detail of a step that waits: what its maker saw, and whose owner he is."""


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What the owner of a source was asked about a step, and said.

    Args:
        source: its code.
        status: ``asked``, ``given`` or ``refused``.
        asked_at: when it was asked (ISO, UTC).
        at: when it was answered.
        by: who answered.
        reason: that owner's code.
    """

    source: str
    status: str
    asked_at: str
    at: str | None
    by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a step, as far as it matters for whom to ask.

    Args:
        visible_sources: codes of the sources that he may see; None for all.
        owned_sources: codes of those whose owner he speaks for.
    """

    visible_sources: frozenset[str] | None
    owned_sources: frozenset[str]

    def to_detail(self) -> dict[str, Any]:
        """As a step keeps it."""
        return {"sees": None if self.visible_sources is None else sorted(self.visible_sources), "owned": sorted(self.owned_sources)}


def maker_from_viewer(viewer: Viewer) -> Maker:
    """The viewer, as the maker of a step."""
    return Maker(viewer.sources, frozenset(code for code in viewer.sources or () if is_source_owner(viewer, code)))


def maker_from_detail(detail: Mapping[str, Any]) -> Maker | None:
    """The maker that a step keeps; None of one that was made before owners could be asked."""
    kept = detail.get(MAKER)
    if kept is None:
        return None
    sees = kept["sees"]
    return Maker(None if sees is None else frozenset(sees), frozenset(kept["owned"]))


def find_owners_to_ask(unit: ReadUnit, maker: Maker, named: Collection[int], *, corrections_only: bool) -> set[int]:
    """The sources whose owners have to consent to what is decided of records.

    Args:
        unit: the transaction.
        maker: who decides.
        named: the records.
        corrections_only: whether those that are one person with them stay as they are, as with a correction.
    """
    asking = {
        source.id: source.code
        for source in unit.sources.all()
        if source.asks_consent
        and source.code not in maker.owned_sources
        and (maker.visible_sources is None or source.code in maker.visible_sources)
    }
    if not asking:
        return set()
    touched = set(named) if corrections_only else set(named) | find_person_records(unit, named)
    labels = unit.records.labels(touched)
    sources = {record.source_id for record in unit.records.get(labels).values()}
    return sources & asking.keys()


def find_owners_to_ask_of_undo(
    unit: ReadUnit, maker: Maker, taken_back: Collection[StoredDecision], step_id: int | None
) -> set[int]:
    """The sources whose owners have to consent to an undo: of its records, and all who consented before.

    Args:
        unit: the transaction.
        maker: who takes back.
        taken_back: the decisions, which bind or did.
        step_id: the step that made them.
    """
    named = {record for one in taken_back for record in one.seen}
    asked = find_owners_to_ask(unit, maker, named, corrections_only=is_only_corrections(one.origin for one in taken_back))
    given = unit.consents.consents_of_steps([step_id]).get(step_id, ()) if step_id is not None else ()
    codes = {source.id: source.code for source in unit.sources.all()}
    before = {one.source_id for one in given if one.status is ConsentStatus.GIVEN}
    return asked | {number for number in before if codes[number] not in maker.owned_sources}


def is_only_corrections(origins: Iterable[str | None]) -> bool:
    """Whether nothing but corrections is said, which leave people as they are."""
    return all(origin == CORRECTION for origin in origins)


def list_open_consents(unit: ReadUnit, step_id: int) -> list[StoredConsent]:
    """What owners were asked about a step and have not answered."""
    return [one for one in unit.consents.consents_of_steps([step_id]).get(step_id, ()) if one.status is ConsentStatus.ASKED]


def ask_new_owners(
    unit: WriteUnit, step_id: int, detail: Mapping[str, Any], made: Collection[StoredDecision]
) -> None:
    """Ask the owners who have come to be concerned while a step waited.

    Records join the persons that it is about, and sources begin to ask.
    """
    maker = maker_from_detail(detail)
    if maker is None:
        return
    named = {record for one in made for record in one.seen}
    known = {one.source_id for one in unit.consents.consents_of_steps([step_id]).get(step_id, ())}
    now = find_owners_to_ask(unit, maker, named, corrections_only=is_only_corrections(one.origin for one in made))
    unit.consents.add_requests(step_id, now - known, unit.commit_no)


def list_visible_codes(unit: ReadUnit, source_ids: Iterable[int]) -> tuple[str, ...]:
    """Codes of those sources that the viewer may know of."""
    wanted = set(source_ids)
    codes = [source.code for source in unit.sources.all() if source.id in wanted]
    return tuple(code for code in codes if unit.viewer.may_see(code))


def build_consent_views(unit: ReadUnit, asked: Iterable[StoredConsent]) -> tuple[ConsentView, ...]:
    """What owners were asked and said, of the sources that the viewer may see."""
    codes = {source.id: source.code for source in unit.sources.all()}
    mine = [one for one in asked if unit.viewer.may_see(codes[one.source_id])]
    times = unit.commit_info({n for one in mine for n in (one.asked_commit, one.commit_no) if n is not None})
    return tuple(
        ConsentView(
            codes[one.source_id],
            one.status.value,
            times[one.asked_commit][0],
            None if one.commit_no is None else times[one.commit_no][0],
            None if one.commit_no is None else times[one.commit_no][1],
            one.reason,
        )
        for one in mine
    )


def find_person_records(unit: ReadUnit, named: Collection[int]) -> set[int]:
    """Every record that is one person with any of the records."""
    persons = set(unit.persons.current_persons(named).values())
    return {record for held in unit.persons.members(persons).values() for record in held}
