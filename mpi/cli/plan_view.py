"""Printing of a re-cluster plan."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mpi.cli.output import print_facts, print_json, print_note, print_table

if TYPE_CHECKING:
    from mpi.service.maintenance.blocking_stop_list import StopListPlan
    from mpi.service.recluster.recluster_plan import ReclusterPlan

MAX_LINES = 20
"""Number of changes in the table of a plan; ``--json`` has all of them."""


def _count_stopped_keys(stops: StopListPlan) -> dict[str, int]:
    """Return the counts of a planned stop list of blocking keys.

    The keys themselves are hashes without meaning to a person.
    """
    return {
        "stopped_keys": stops.stopped,
        "newly_stopped": stops.added,
        "largest_block": stops.largest,
        "pairs_of_new_stops": stops.pairs,
        "pairs_saved_estimated": stops.saved,
        "likely_pairs_lost_estimated": stops.lost,
    }


def show_plan(plan: ReclusterPlan, stops: StopListPlan | None = None, *, as_json: bool) -> None:
    """Print a re-cluster plan and its planned stop list of blocking keys.

    Args:
        plan: the plan.
        stops: the plan's blocking stop list, if it differs from the list in force.
        as_json: print JSON for programs.
    """
    stop_counts = {} if stops is None else _count_stopped_keys(stops)
    if as_json:
        stop_list = {} if stops is None else {"stops": stop_counts}
        print_json({**asdict(plan), **stop_list, "nothing_to_do": plan.is_empty})
        return
    print_facts(
        {
            "model": plan.model,
            "records": plan.records,
            "persons after": plan.persons,
            "keep": plan.keep,
            "mint": plan.mint,
            "merge": plan.merge,
            "split": plan.split,
            "records moved": plan.moved,
            "review tasks": plan.tasks,
            "shared values": plan.lists.listed,
            **{name.replace("_", " "): value for name, value in stop_counts.items()},
            "applied": plan.applied,
        }
    )
    if not plan.lists.fresh:
        dropped = "" if plan.lists.dropped is None else f" and {plan.lists.dropped:,} no longer"
        print_note(
            f"shared values: {plan.lists.added:,} to be listed{dropped}; "
            "mpi recluster --refresh-lists proposes with them"
        )
    if plan.is_empty:
        print_note("nothing to do: no ID changes")
        return
    print_table(
        ("change", "records", "enterprise IDs"),
        [(change.kind, change.records, change.eids) for change in plan.changes[:MAX_LINES]],
    )
    remaining = len(plan.changes) - MAX_LINES
    if remaining > 0:
        print_note(f"{remaining:,} more changes: --json lists them all")
