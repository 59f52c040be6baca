"""How a person was built: its lineage step by step, in plain sentences, the oldest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from mpi.domain import eid as eids
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.explanations import wording
from mpi.service.persons.persons import LineageStep, look_up_lineage

MAX_NAMED_RECORDS = 3
"""Records named in one sentence; of more, how many."""


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step.

    Args:
        at: when.
        sentence: what was done, and what that did to this person.
        client: by whose call; None where that would tell of a record that the viewer may not see.
        step: the number under which it can be undone; None of what no person did.
        cause: the lineage's code of what was done.
    """

    at: str
    sentence: str
    client: str | None
    step: int | None
    cause: str


def describe_history(index: Index, viewer: Viewer, text: str) -> tuple[HistoryStep, ...]:
    """How a person came to hold what it holds, step by step.

    Args:
        index: the open index.
        viewer: who asks; steps of records that it may not see are left out.
        text: the enterprise ID as typed.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    own = eids.parse_eid(text)
    steps = look_up_lineage(index, viewer, text)
    at_once = groupby(steps, key=lambda step: (step.at, step.client, step.cause, step.step))
    told: list[HistoryStep] = []
    for (at, client, cause, step), group in at_once:
        sentence = _describe_step(own, cause, list(group), began=not told)
        told.append(HistoryStep(at, sentence, client, step, cause))
    return tuple(told)


def _describe_step(own: str, cause: str, steps: Sequence[LineageStep], *, began: bool) -> str:
    came = [step for step in steps if step.after == own]
    left = [step for step in steps if step.before == own]
    did = []
    if came:
        new = [step for step in came if step.before is None]
        moved = [step for step in came if step.before is not None]
        if new:
            did.append(f"{_describe_records(new)} {'began this person' if began else 'joined it'}")
        if moved:
            did.append(f"{_describe_records(moved)} came from {_join_eids(step.before for step in moved)}")
    gone = [step for step in left if step.after is None]
    went = [step for step in left if step.after is not None]
    if gone:
        did.append(f"{_describe_records(gone)} left and {'belongs' if len(gone) == 1 else 'belong'} to nobody")
    if went:
        did.append(f"{_describe_records(went)} went to {_join_eids(step.after for step in went)}")
    says = wording.describe_cause(cause)
    return wording.format_sentence(f"{says}: {'; '.join(did)}" if did else f"{says}; no record changed person")


def _describe_records(steps: Sequence[LineageStep]) -> str:
    labels = [step.record for step in steps if step.record is not None]
    if len(labels) > MAX_NAMED_RECORDS:
        sources = sorted({label.source for label in labels})
        return f"{len(labels):,} records of {wording.join_phrases(sources)}"
    named = wording.join_phrases([f"{label.local_id} of {label.source}" for label in labels])
    return f"{'record' if len(labels) == 1 else 'records'} {named}"


def _join_eids(found: Iterable[str | None]) -> str:
    return wording.join_phrases(sorted({each for each in found if each is not None}))
