"""What three people are told about one child of the demo."""

from dataclasses import dataclass

from mpi.cli.demo.agreement import AGREEMENT, DISTRICTS
from mpi.cli.demo.story import ChildStory
from mpi.domain.errors import AccessDenied, UnmetConditionError
from mpi.domain.roles import Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.policy.agreement import HOUSE
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.agreements.refusals import record_refusal
from mpi.service.core.index import Index
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.persons import look_up_person
from training.simulate.sources.rosters import SourceSystem


@dataclass(frozen=True, slots=True)
class ReaderAnswer:
    """What a person was told about the demo's child.

    Args:
        reader: the person's role, in words.
        purpose: purpose of use that the person named.
        flags: populations of the flags that the person was shown.
        fields: attributes of the golden record that the person was shown.
        refusal: why the person was told nothing; None where the person was told something.
        ledger_lines: entries of the disclosure ledger, or of the record of refusals, about this request.
    """

    reader: str
    purpose: str
    flags: tuple[str, ...]
    fields: tuple[str, ...]
    refusal: str | None
    ledger_lines: int


def ask_as_three(index: Index, story: ChildStory) -> list[ReaderAnswer]:
    """Ask for the demo's child as three people of different roles."""
    schools = [record for record in story.held if any(d.owns(record.source) for d in DISTRICTS)]
    # A point of contact is of one district: the one that the child attends.
    schools.sort(key=lambda held: (not held.record.get("exit_date"), str(held.record.get("entry_date"))))
    sources = frozenset({SourceSystem.CCWIS, *(record.source for record in schools)})
    own_sources = frozenset({SourceSystem.CCWIS, *(record.source for record in schools[-1:])})
    return [
        _ask(index, story, Role.CASEWORKER, "case_planning", sources, AGREEMENT),
        _ask(index, story, Role.POINT_OF_CONTACT, "school_stability", own_sources, AGREEMENT),
        _ask(index, story, Role.ANALYST, "program_evaluation", None, HOUSE),
    ]


def _ask(
    index: Index,
    story: ChildStory,
    role: Role,
    purpose: str,
    sources: frozenset[str] | None,
    agreement: str,
) -> ReaderAnswer:
    """Ask for the child as one person."""
    with index.database.read(make_operator()) as unit:
        terms_no = unit.agreements.find_last_step(agreement)
        caller = Caller(f"demo-{role}", frozenset(), sources, agreement, terms_no, role)
        viewer = make_viewer(index, unit, caller, purpose)
        lines_before = _count_lines(index, viewer)
    try:
        person = look_up_person(index, viewer, story.enterprise_id)
        golden = look_up_golden_record(index, viewer, story.enterprise_id)
    except (AccessDenied, UnmetConditionError) as error:
        record_refusal(index, viewer, "person.read", error.reason)
        return ReaderAnswer(_say(role), purpose, (), (), error.reason, 1)
    return ReaderAnswer(
        reader=_say(role),
        purpose=purpose,
        flags=tuple(sorted({flag.population for flag in person.flags})),
        fields=tuple(sorted({value.attribute for value in golden.values})),
        refusal=None,
        ledger_lines=_count_lines(index, viewer) - lines_before,
    )


def _say(role: Role) -> str:
    return role.replace("-", " ")


def _count_lines(index: Index, viewer: Viewer) -> int:
    """Count the entries of a person on the disclosure ledger."""
    with index.database.ledger.read(viewer) as unit:
        return sum(line.client == viewer.client for line in unit.disclosures.all())
