"""Printing of the effect of a steward's step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpi.cli.output import print_facts, print_json, print_note, print_table
from mpi.cli.record_references import format_group

if TYPE_CHECKING:
    from mpi.service.persons.step_effects import PastDisclosure, StepEffect


def show_effect(effect: StepEffect, *, as_json: bool) -> None:
    """Print a step's effect, done or previewed, on persons and records."""
    if as_json:
        print_json(effect.as_dict())
        return
    facts = {"step": effect.step, "decisions": effect.decisions, "told": effect.told, "etag": effect.etag}
    print_facts({name: value for name, value in facts.items() if value})
    if effect.persons:
        print_table(
            ("enterprise ID", "change", "records before", "records after", "flags"),
            [
                (
                    person.enterprise_id or "(new)",
                    person.change,
                    format_group(person.before),
                    format_group(person.after),
                    person.flags,
                )
                for person in effect.persons
            ],
        )
    else:
        print_note("no record changes person")
    show_disclosures(effect.disclosed, effect.disclosures)
    for unchanged in effect.stays:
        groups = " / ".join(
            " ".join(f"{label['source']}:{label['local_id']}" for label in group)
            for group in unchanged.offer["groups"]
        )
        state = "one person" if unchanged.together else "apart"
        print_note(
            f"they stay {state}, because the {unchanged.because} says so; to change that: "
            f"mpi decide {unchanged.offer['kind']} {groups} --reason CODE"
        )
    if effect.approval:
        print_note("it waits for a second approver: mpi approve, or POST /v1/steps/{number}:approve")
    for source in effect.consent_of:
        answer_command = "mpi consent, or POST /v1/steps/{number}:consent"
        print_note(f"it waits for the consent of an owner of {source}: {answer_command}")
    if effect.held_until is not None:
        print_note(f"a freeze window holds it until {effect.held_until}: then mpi decisions --due")
    if effect.preview:
        print_note(
            "preview: nothing was changed; run it again without --preview, and with --if-match if you like"
        )


def show_disclosures(number: int | None, latest: Sequence[PastDisclosure]) -> None:
    """Print who received data because of links that a step removes."""
    if not latest:
        return
    print_note(f"answers that left because of links that are parted: {number:,}")
    print_table(
        ("at", "client", "purpose", "action", "records", "fields", "handle"),
        [
            (
                disclosure.at[:19],
                disclosure.client,
                disclosure.purpose or "",
                disclosure.action,
                format_group(disclosure.records),
                disclosure.fields,
                disclosure.handle or "",
            )
            for disclosure in latest
        ],
    )
