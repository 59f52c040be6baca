"""Describe a person's lineage in plain sentences, oldest change first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import MappingProxyType

from mpi.domain import eid as eids
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.explanations import wording
from mpi.service.persons.lineage import LineageStep, look_up_lineage

NO_NAMES: Mapping[str, str] = MappingProxyType({})
MAX_NAMED_RECORDS = 3
"""Most records named in one sentence; above, the sentence gives their number."""


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One change of a person's records, in words.

    Args:
        at: time of the change.
        sentence: the change and its effect on the person.
        client: the client that called; None where that would reveal a hidden record.
        step: number under which the change can be undone; None for automatic changes.
        cause: the lineage's code of the change.
    """

    at: str
    sentence: str
    client: str | None
    step: int | None
    cause: str


def describe_history(index: Index, viewer: Viewer, eid_text: str) -> tuple[HistoryStep, ...]:
    """Describe step by step how a person got its records.

    Args:
        index: the open index.
        viewer: who asks; steps about hidden records are left out.
        eid_text: the enterprise ID as typed.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the enterprise ID was never minted here, or none of its records is visible to the
            viewer.
        AccessDenied: the viewer may not read persons.
    """
    return describe_steps(eid_text, look_up_lineage(index, viewer, eid_text))


def describe_steps(
    eid_text: str, steps: Iterable[LineageStep], systems: Mapping[str, str] = NO_NAMES
) -> tuple[HistoryStep, ...]:
    """Describe a person's lineage, which a caller has read, oldest change first.

    Args:
        eid_text: the enterprise ID.
        steps: the changes, as ``look_up_lineage`` returns them.
        systems: names of sources by code; a source without one is named by its code.

    Raises:
        EidError: the text is not an enterprise ID.
    """
    own_eid = eids.parse_eid(eid_text)
    grouped_steps = groupby(steps, key=lambda step: (step.at, step.client, step.cause, step.step))
    history: list[HistoryStep] = []
    for (at, client, cause, step), group in grouped_steps:
        sentence = _describe_step(own_eid, cause, list(group), systems, is_first=not history)
        history.append(HistoryStep(at=at, sentence=sentence, client=client, step=step, cause=cause))
    return tuple(history)


def _describe_step(
    own_eid: str, cause: str, steps: Sequence[LineageStep], systems: Mapping[str, str], *, is_first: bool
) -> str:
    """Return a sentence on records that join and leave a person together."""
    arrivals = [step for step in steps if step.after == own_eid]
    departures = [step for step in steps if step.before == own_eid]
    describe = partial(_describe_records, systems=systems)
    phrases = []
    if arrivals:
        new_records = [step for step in arrivals if step.before is None]
        moved_here = [step for step in arrivals if step.before is not None]
        if new_records:
            added = "was added" if len(new_records) == 1 else "were added"
            phrases.append(f"{describe(new_records)} {'became a new child' if is_first else added}")
        if moved_here:
            phrases.append(
                f"{describe(moved_here)} came from {_join_eids(step.before for step in moved_here)}"
            )
    withdrawals = [step for step in departures if step.after is None]
    moved_away = [step for step in departures if step.after is not None]
    if withdrawals:
        phrases.append(
            f"{describe(withdrawals)} left and {'belongs' if len(withdrawals) == 1 else 'belong'} to nobody"
        )
    if moved_away:
        phrases.append(f"{describe(moved_away)} went to {_join_eids(step.after for step in moved_away)}")
    cause_text = wording.describe_cause(cause)
    return wording.format_sentence(
        f"{cause_text}: {'; '.join(phrases)}" if phrases else f"{cause_text}; no record moved"
    )


def _describe_records(steps: Sequence[LineageStep], systems: Mapping[str, str]) -> str:
    """Return the records of some lineage changes as a phrase."""
    labels = [step.record for step in steps if step.record is not None]
    if len(labels) > MAX_NAMED_RECORDS:
        sources = sorted({systems.get(label.source, label.source) for label in labels})
        return f"{len(labels):,} records of {wording.join_phrases(sources)}"
    names = wording.join_phrases(
        [f"{label.local_id} of {systems.get(label.source, label.source)}" for label in labels]
    )
    return f"{'record' if len(labels) == 1 else 'records'} {names}"


def _join_eids(eid_texts: Iterable[str | None]) -> str:
    """Return distinct enterprise IDs as a phrase."""
    return wording.join_phrases(sorted({eid_text for eid_text in eid_texts if eid_text is not None}))
