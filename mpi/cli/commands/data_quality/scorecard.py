"""Report ``scorecard``: how complete, valid and timely a source's records are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mpi.cli.command_session import open_session
from mpi.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.domain.statistics.sampling import Estimate
    from mpi.service.data_quality.scorecard import Scorecard

_ALL = 2**31


def show_scorecard(source: str, *, every: bool, as_json: bool) -> None:
    """Print the scorecard of a source, measured now.

    Args:
        source: code of the source.
        every: whether every record is read, not a random draw.
        as_json: whether to print JSON.
    """
    from mpi.service.data_quality.scorecard import MOST_RECORDS
    from mpi.service.quality.consistency import read_whole_scorecard

    with open_session() as session:
        card = read_whole_scorecard(session.index, session.viewer, source, _ALL if every else MOST_RECORDS)
    if as_json:
        print_json(asdict(card))
        return
    _print_card(card)


def _print_card(card: Scorecard) -> None:
    """Print a scorecard as tables."""
    print_facts(
        {
            "source": card.source,
            "records": f"{card.records:,} of {card.active:,} active",
            "complete": _format_share(card.complete),
            "with an issue": _format_share(card.issues),
            "repeat a name and birth date": "–" if card.repeated is None else card.repeated,
        }
    )
    print_table(
        ("field", "present", "completeness", "validity", "placeholders"),
        [
            (
                one.field,
                one.present,
                _format_share(one.completeness),
                _format_share(one.validity),
                one.placeholders,
            )
            for one in card.fields
        ],
        "By field",
    )
    print_table(
        ("rule", "checked", "broken"),
        [(one.rule, one.checked, "–" if one.broken is None else one.broken) for one in card.rules],
        "Rules",
    )
    print_table(
        ("field", "value", "records", "of"),
        [(one.field, one.value, one.records, one.of) for one in card.spikes],
        "Values that many records share",
    )
    print_table(
        ("delay, days", "number", "median", "p90"),
        [(one.kind, one.count, one.median, one.p90) for one in card.delays],
        "How late",
    )
    print_table(
        ("group", "code", "records", "completeness", "with an issue"),
        [
            (one.kind, one.group, one.records, _format_share(one.completeness), _format_share(one.issues))
            for one in card.groups
        ],
        "By county and district",
    )
    print_table(
        ("load", "at", "rows", "rejected", "issues"),
        [(one.load, one.at[:19], one.received, one.rejected, one.issues) for one in card.trend],
        "Latest loads",
    )
    if card.consistency is not None:
        print_table(
            ("partner", "field", "children", "agree"),
            [
                (one.partner, one.field, one.known, _format_share(one.share))
                for one in card.consistency.fields
            ],
            f"Agreement with linked records of other agencies, as of {card.consistency.as_of}",
        )


def _format_share(share: Estimate | None) -> str:
    """Format a share with its interval."""
    if share is None:
        return "–"
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f}–{100 * share.high:.1f})"
