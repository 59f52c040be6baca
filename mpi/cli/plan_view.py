"""A re-cluster plan, for people and programs."""

from dataclasses import asdict

from mpi.cli.output import note, print_facts, print_json, print_table
from mpi.service.recluster import ReclusterPlan

MOST_LINES = 20
"""Lines of a plan that a table shows; ``--json`` has them all."""


def show_plan(plan: ReclusterPlan, *, as_json: bool) -> None:
    """Print a plan."""
    if as_json:
        print_json({**asdict(plan), "nothing_to_do": plan.is_empty})
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
            "applied": plan.applied,
        }
    )
    if not plan.lists.fresh:
        note(
            f"shared values: {plan.lists.added:,} to be listed and {plan.lists.dropped:,} no longer; "
            "mpi recluster --refresh-lists proposes with them"
        )
    if plan.is_empty:
        note("nothing to do: no ID changes")
        return
    print_table(
        ("change", "records", "enterprise IDs"),
        [(change.kind, change.records, change.eids) for change in plan.changes[:MOST_LINES]],
    )
    left = len(plan.changes) - MOST_LINES
    if left > 0:
        note(f"{left:,} more changes: --json lists them all")
