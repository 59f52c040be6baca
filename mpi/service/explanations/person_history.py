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


def describe_history(index: Index, viewer: Viewer, eid_text: str) -> tuple[HistoryStep, ...]:
    """How a person came to hold what it holds, step by step.

    Args:
        index: the open index.
        viewer: who asks; steps of records that it may not see are left out.
        eid_text: the enterprise ID as typed.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons.
    """
    own_eid = eids.parse_eid(eid_text)
    steps = look_up_lineage(index, viewer, eid_text)
    grouped_steps = groupby(steps, key=lambda step: (step.at, step.client, step.cause, step.step))
    history: list[HistoryStep] = []
    for (at, client, cause, step), group in grouped_steps:
        sentence = _describe_step(own_eid, cause, list(group), is_first=not history)
        history.append(HistoryStep(at, sentence, client, step, cause))
    return tuple(history)


def _describe_step(own_eid: str, cause: str, steps: Sequence[LineageStep], *, is_first: bool) -> str:
    arrivals = [step for step in steps if step.after == own_eid]
    departures = [step for step in steps if step.before == own_eid]
    phrases = []
    if arrivals:
        new_records = [step for step in arrivals if step.before is None]
        moved_here = [step for step in arrivals if step.before is not None]
        if new_records:
            phrases.append(
                f"{_describe_records(new_records)} {'began this person' if is_first else 'joined it'}"
            )
        if moved_here:
            phrases.append(
                f"{_describe_records(moved_here)} came from {_join_eids(step.before for step in moved_here)}"
            )
    withdrawals = [step for step in departures if step.after is None]
    moved_away = [step for step in departures if step.after is not None]
    if withdrawals:
        phrases.append(
            f"{_describe_records(withdrawals)} left and {'belongs' if len(withdrawals) == 1 else 'belong'} to nobody"
        )
    if moved_away:
        phrases.append(
            f"{_describe_records(moved_away)} went to {_join_eids(step.after for step in moved_away)}"
        )
    cause_text = wording.describe_cause(cause)
    return wording.format_sentence(
        f"{cause_text}: {'; '.join(phrases)}" if phrases else f"{cause_text}; no record changed person"
    )


def _describe_records(steps: Sequence[LineageStep]) -> str:
    labels = [step.record for step in steps if step.record is not None]
    if len(labels) > MAX_NAMED_RECORDS:
        sources = sorted({label.source for label in labels})
        return f"{len(labels):,} records of {wording.join_phrases(sources)}"
    names = wording.join_phrases([f"{label.local_id} of {label.source}" for label in labels])
    return f"{'record' if len(labels) == 1 else 'records'} {names}"


def _join_eids(eid_texts: Iterable[str | None]) -> str:
    return wording.join_phrases(sorted({eid_text for eid_text in eid_texts if eid_text is not None}))
