"""Records that stay joined or apart despite an undo."""

from collections.abc import Collection, Mapping, Sequence

from mpi.domain.decision import Decision, DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.core.visibility import RecordGroups, visible_labels
from mpi.service.decisions.contradictions import find_chain
from mpi.service.decisions.decision_log import find_connected_decisions, to_visible_decisions, visible_groups
from mpi.service.persons.step_effects import UnchangedLink
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit


def list_unchanged(
    unit: ReadUnit, decisions: Sequence[StoredDecision], step: Step | None
) -> list[UnchangedLink]:
    """List which records stay joined or apart despite an undo.

    Each entry has the opposite decision, which would change that.
    """
    connected_decisions = to_visible_decisions(
        unit, find_connected_decisions(unit, {record for decision in decisions for record in decision.seen})
    )
    unchanged: list[UnchangedLink] = []
    for decision in decisions:
        groups = visible_groups(unit, decision)
        if groups is None or decision.kind is DecisionKind.UNSURE:
            continue
        labels = visible_labels(unit, {record for group in groups for record in group})
        persons = unit.persons.current_persons(labels)
        if decision.kind is DecisionKind.SAME:
            unchanged += _find_still_joined(
                _list_merged_parts(groups[0], step), persons, connected_decisions, labels
            )
        else:
            unchanged += _find_still_separate(groups, persons, connected_decisions, labels)
    return unchanged


def _list_merged_parts(group: tuple[int, ...], step: Step | None) -> RecordGroups:
    """Return the record groups that a merge joined; otherwise each record alone."""
    stored_parts = [] if step is None or step.kind != "merge" else step.detail.get("parts", [])
    visible_parts = tuple(tuple(record for record in part if record in group) for part in stored_parts)
    return tuple(part for part in visible_parts if part) or tuple((record,) for record in group)


def _find_still_joined(
    parts: RecordGroups,
    persons: Mapping[int, int],
    connected_decisions: Sequence[Decision],
    labels: Mapping[int, RecordRef],
) -> list[UnchangedLink]:
    """Return record groups that one person still holds despite an undo.

    They come with the decision that would separate them.
    """
    persons_by_part = [{persons[record] for record in part if record in persons} for part in parts]
    parts_by_person: dict[int, list[int]] = {}
    for position, part_persons in enumerate(persons_by_part):
        for person in part_persons:
            parts_by_person.setdefault(person, []).append(position)
    joined_parts = sorted(
        {position for positions in parts_by_person.values() if len(positions) > 1 for position in positions}
    )
    if not joined_parts:
        return []
    first_part = parts[joined_parts[0]]
    by_decision = any(
        find_chain(first_part, parts[other_part], connected_decisions) for other_part in joined_parts[1:]
    )
    return [
        _build_opposite_decision(
            DecisionKind.DIFFERENT, [parts[position] for position in joined_parts], labels, by_decision
        )
    ]


def _find_still_separate(
    groups: RecordGroups,
    persons: Mapping[int, int],
    connected_decisions: Sequence[Decision],
    labels: Mapping[int, RecordRef],
) -> list[UnchangedLink]:
    """Return record groups that different persons still hold despite an undo.

    They come with the decision that would join them.
    """
    persons_by_group = [{persons[record] for record in group if record in persons} for group in groups]
    separate_groups = [
        position
        for position, group_persons in enumerate(persons_by_group)
        if group_persons
        and not any(
            group_persons & other_persons
            for other_position, other_persons in enumerate(persons_by_group)
            if other_position != position
        )
    ]
    if len(separate_groups) <= 1:
        return []
    record_ids = {record for position in separate_groups for record in groups[position]}
    by_decision = any(
        decision.kind is DecisionKind.DIFFERENT
        and sum(bool(record_ids & set(decision_group)) for decision_group in decision.groups) > 1
        for decision in connected_decisions
    )
    return [_build_opposite_decision(DecisionKind.SAME, [sorted(record_ids)], labels, by_decision)]


def _build_opposite_decision(
    kind: DecisionKind,
    groups: Sequence[Collection[int]],
    labels: Mapping[int, RecordRef],
    by_decision: bool,
) -> UnchangedLink:
    """Build the decision that would change what an undo leaves unchanged."""
    named_groups = [
        [
            {"source": labels[record].source, "local_id": labels[record].local_id}
            for record in group
            if record in labels
        ]
        for group in groups
    ]
    return UnchangedLink(
        kind is DecisionKind.DIFFERENT,
        "decision" if by_decision else "model",
        {"kind": kind.value, "groups": named_groups},
    )
