"""Steps that a viewer may see whole, many at once."""

from collections.abc import Collection, Mapping

from mpi.service.core.visibility import visible_labels
from mpi.service.stewardship.approvals import drop_revoked
from mpi.storage.unit_of_work.units import ReadUnit


def find_visible_steps(unit: ReadUnit, step_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Return the records of steps that the viewer may see whole.

    The result is keyed by step. A step is seen whole as on the page of waiting steps: every record of its
    decisions is visible, and every source whose owner was asked. Another step tells nothing, because its fate
    may follow from hidden records. A step without a decision, such as a setting, is left out.
    """
    ids_by_step = unit.activity_log.decisions_of_steps(step_ids)
    decisions = unit.decisions.by_ids({number for numbers in ids_by_step.values() for number in numbers})
    records_by_step = {
        step: frozenset(
            record
            for decision in drop_revoked([decisions[number] for number in sorted(numbers & decisions.keys())])
            for record in decision.seen
        )
        for step, numbers in ids_by_step.items()
    }
    labels = visible_labels(unit, {record for records in records_by_step.values() for record in records})
    visible = {
        step: records for step, records in records_by_step.items() if records and records <= labels.keys()
    }
    if unit.viewer.sources is None:
        return visible
    codes = {source.id: source.code for source in unit.sources.all()}
    consents = unit.consents.consents_of_steps(visible)
    return {
        step: records
        for step, records in visible.items()
        if all(unit.viewer.may_see(codes[consent.source_id]) for consent in consents.get(step, ()))
    }
