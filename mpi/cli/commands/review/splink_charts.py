"""Report ``splink-charts``: Splink's charts of the model and records, as a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.command_session import open_session
from mpi.cli.output import print_note
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.domain.record_ref import RecordRef
    from mpi.service.diagnostics.splink_charts import SplinkCharts

NAME = "splink-charts"
"""Name of the report."""
_CHARTS = {
    "match-weights": ("Match weights", "How much each level of each comparison adds to a match weight."),
    "parameters": ("Parameters", "How often matches (m) and other pairs (u) are at each level."),
    "waterfall": ("One pair", "How the pair gets its weight, comparison by comparison."),
    "unlinkables": (
        "Records that hold too little",
        "Share of the drawn records that would not reach a weight even beside themselves.",
    ),
    "comparison-viewer": (
        "Comparison viewer",
        "Combinations of levels among the compared pairs, with how each gets its weight.",
    ),
    "cluster-studio": (
        "Cluster studio",
        "Each child's records as points, and their compared pairs as lines.",
    ),
}
_NO_VALUES = "No chart holds a value of a record: where Splink shows one, it says “hidden”."
_NO_FREQUENCIES = (
    "The weight of a pair is the sum of its levels. It leaves out the adjustment for rare and frequent"
    " values, which could tell a name; the desk shows the whole weight."
)
_NO_RECORDS = (
    "There is no chart of drawn records: those are for readers who may read every record and every question."
)
_NO_SAMPLE = "There is no chart of records, since the index has none."


def write_splink_charts(
    folder: Path | None, account: str | None, pair: Sequence[str] | None, sample: int | None
) -> None:
    """Write Splink's charts and a first page into a new folder.

    Args:
        folder: the folder; it must not exist, or be empty.
        account: account whose rights count; None for the operator.
        pair: two records, ``SOURCE:LOCAL_ID`` each; None for none.
        sample: records to draw; None for the default.

    Raises:
        InputError: there is no folder, or not two records.
    """
    from mpi.cli.output_files import write_private_folder
    from mpi.service.diagnostics.splink_charts import DEFAULT_SAMPLE, ChartRequest, make_splink_charts

    if folder is None:
        raise InputError("charts are written to a folder: give --into FOLDER")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"--into {folder}: this exists; name a new folder")
    request = ChartRequest(account, _read_pair(pair), DEFAULT_SAMPLE if sample is None else sample)
    with open_session() as session:
        work_dir = session.settings.home
        charts = make_splink_charts(session.index, session.viewer, request, work_dir)
    files = {f"{name}.html": html.encode() for name, html in charts.pages.items()}
    write_private_folder(folder, {**files, "index.html": make_first_page(charts, account).encode()})
    print_note(f"{folder}: written; open index.html")


def _read_pair(pair: Sequence[str] | None) -> tuple[RecordRef, RecordRef] | None:
    """Return the two records whose weight is drawn."""
    from mpi.cli.record_references import parse_record_ref

    if not pair:
        return None
    try:
        left, right = map(parse_record_ref, pair)
    except ValueError:
        raise InputError("--pair: name two records, with --pair SOURCE:LOCAL_ID twice") from None
    return left, right


def make_first_page(charts: SplinkCharts, account: str | None) -> str:
    """Return the first page, with tables of the same figures."""
    from mpi.reports.chart_folder import write_first_page

    facts: dict[str, object] = {
        "Model": charts.model,
        "Day": charts.day,
        "Made for": account or "the operator",
    }
    if charts.sampled is not None:
        facts["Drawn records"] = f"{charts.sampled:,}"
        facts["Compared pairs of these and of linked records"] = f"{charts.compared:,}"
    notes = [_NO_VALUES, _NO_FREQUENCIES]
    notes += [_NO_RECORDS] if charts.sampled is None else []
    notes += [_NO_SAMPLE] if charts.sampled == 0 else []
    notes += [
        f"The weight of the pair is capped, which Splink's chart does not show: {caution}"
        for caution in charts.cautions
    ]
    listed = [(name, *_CHARTS[name]) for name in _CHARTS if name in charts.pages]
    return write_first_page("Splink's charts of the index", facts, listed, charts.tables, notes)
