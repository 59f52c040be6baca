"""Command ``mpi explain``: why records are or are not one person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.cli.record_references import format_group, parse_record_ref
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.explanations.pair_explanation import Explanation

_PAIR = 2


def run(
    what: Annotated[
        list[str], typer.Argument(metavar="EID | RECORD RECORD", help="A record is SOURCE:LOCAL_ID.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Explain why records are or are not one person.

    For two records: the evidence for and against, and what would change the answer. For an enterprise ID:
    the links and decisions that join its records, and its history. No value of a record is shown.
    """
    if len(what) > _PAIR:
        raise InputError("give an enterprise ID, or two records as SOURCE:LOCAL_ID")
    with open_session() as session:
        if len(what) == _PAIR:
            _explain_pair(session, what, as_json=as_json)
        else:
            _explain_person(session, what[0], as_json=as_json)


def _explain_pair(session: CommandSession, record_texts: list[str], *, as_json: bool) -> None:
    """Print why two records are or are not one person."""
    from mpi.service.explanations import pair_explanation

    left, right = (parse_record_ref(text) for text in record_texts)
    explanation = pair_explanation.explain_pair(session.index, session.viewer, left, right)
    if as_json:
        print_json(asdict(explanation))
    else:
        _show_explanation(explanation)


def _show_explanation(explanation: Explanation) -> None:
    """Print the explanation of a pair as tables."""
    from mpi.service.explanations import wording

    print_facts({"": explanation.sentence})
    print_table(
        ("compared", "how", "bits", "of it for rarity"),
        [
            (
                wording.describe_comparison(part.comparison),
                part.sentence,
                part.bits,
                part.frequency_bits or None,
            )
            for part in explanation.parts
        ],
    )
    facts = {
        "match weight": explanation.match_weight,
        "probability": f"{explanation.probability:.6f}",
        "band": explanation.band.value,
        "brought together by": explanation.found_by or "no blocking rule",
        "stands": " ".join(explanation.standing),
    }
    print_facts(facts)
    changes = [(change.sentence,) for change in explanation.changes]
    print_table(("what would change the answer",), changes or [(explanation.unchangeable,)])


def _explain_person(session: CommandSession, text: str, *, as_json: bool) -> None:
    """Print why the records of an enterprise ID are one person."""
    from mpi.service.explanations import person_explanation, person_history

    explanation = person_explanation.explain_person(session.index, session.viewer, text)
    steps = person_history.describe_history(session.index, session.viewer, text)
    if as_json:
        print_json({**asdict(explanation), "built": [asdict(step) for step in steps]})
        return
    print_facts({"": explanation.sentence})
    if explanation.lines:
        print_table(
            ("record", "record", "because", "bits", "how"),
            [
                (
                    format_group([line.left]),
                    format_group([line.right]),
                    line.because,
                    line.match_weight,
                    line.sentence,
                )
                for line in explanation.lines
            ],
        )
    print_table(
        ("at", "by", "step", "what"),
        [
            (history_step.at[:19], history_step.client, history_step.step, history_step.sentence)
            for history_step in steps
        ],
    )
