"""Splink's charts of a model and records, as HTML without network.

A chart holds the scripts that draw it. A content security policy in the page lets it load nothing. No value
of a record is in a chart. Values are replaced before a chart is made, and pairs are scored without the
frequencies of values, since what a frequency adds to a weight may tell a name.
"""

import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from splink import SettingsCreator
from splink.internals.charts import SplinkChart, UnlinkablesChart
from splink.internals.html_utils import chart_html

from mpi.domain.features import Features
from mpi.domain.weight import compute_probability
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.splink_engine import (
    FEATURE_TABLE,
    PAIR_SCHEMA,
    SplinkEngine,
    connect_duckdb,
    make_feature_table,
)

HIDDEN = "hidden"
"""What stands for a value of a record."""
UNLINKABLE_STEP = 5
"""Bits from one row of the table of unlinkable records to the next."""
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data: blob:; '
    "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; form-action 'none'; "
    "base-uri 'none'\">"
    '<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width">'
)
# Vega's menu would open an editor of its makers with the data of the chart.
_NO_EDITOR = "<script>window.open = function () { return null; };</script>"
_MENU = {"export": True, "source": False, "compiled": False, "editor": False}
_FREQUENCY_SETTINGS = ("tf_", "disable_tf_")
_OUTSIDE_LINK = re.compile(r"<link\b[^>]*\bhref=\"https?:[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UnlinkableShare:
    """Share of records that would not reach a weight even beside themselves.

    Args:
        bits: the weight, in whole bits.
        share: share of the records whose own weight is lower.
    """

    bits: int
    share: float


def draw_model_charts(model: MatchModel) -> dict[str, str]:
    """Return the charts of a model's weights and parameters.

    They tell of no record.

    Returns:
        HTML by name: ``match-weights`` and ``parameters``.
    """
    settings = SettingsCreator.from_path_or_dict(dict(model.settings)).get_settings("duckdb")
    weights = settings.match_weights_chart()  # type: ignore[no-untyped-call]  # Splink has no types here
    parameters = settings.m_u_parameters_chart()  # type: ignore[no-untyped-call]
    return {
        "match-weights": _write_chart(weights, "Match weights"),
        "parameters": _write_chart(parameters, "Parameters: m and u"),
    }


def draw_unlinkables(
    model: MatchModel, records: Iterable[Features]
) -> tuple[str, tuple[UnlinkableShare, ...]]:
    """Return the chart of unlinkable records, and its figures.

    Splink counts by a probability of five decimals, which is 1 above 17 bits. So the shares are counted here,
    in whole bits, and Splink draws them.

    Args:
        model: the match model.
        records: features of the records, one at least.
    """
    shares = _count_unlinkables(model, records)
    values = [
        {
            "match_weight": each.bits,
            "match_probability": compute_probability(each.bits),
            "cum_prop": each.share,
        }
        for each in shares
    ]
    return _write_chart(UnlinkablesChart(values), "Records that hold too little to be linked"), shares


def _count_unlinkables(model: MatchModel, records: Iterable[Features]) -> tuple[UnlinkableShare, ...]:
    """Return the share of records below each whole weight."""
    scorer = compile_scorer(model)
    weights = Counter(math.floor(scorer.weigh(record, record)) for record in records)
    count, below = weights.total(), 0
    first = min(weights) // UNLINKABLE_STEP * UNLINKABLE_STEP
    last = (max(weights) // UNLINKABLE_STEP + 1) * UNLINKABLE_STEP
    shares = []
    for bits in range(first, last + 1):
        shares.append(UnlinkableShare(bits, below / count))
        below += weights[bits]
    return tuple(shares)


def draw_waterfall(model: MatchModel, left: Features, right: Features, work_dir: Path) -> str:
    """Return the chart of a pair's weight, without values.

    Args:
        model: the match model; its cautions are not part of Splink's weight.
        left: features of one record.
        right: features of the other.
        work_dir: private folder where DuckDB may spill.
    """
    pair = pa.table({"lo": [0], "hi": [1]}, schema=PAIR_SCHEMA)
    with _open_engine(model, [left, right], work_dir) as engine, engine.predict(pair) as scored:
        rows = scored.as_record_list()
        chart = engine.linker.visualisations.waterfall_chart(rows, remove_sensitive_data=True)
    return _write_chart(chart, "How a pair gets its weight")


def draw_dashboards(
    model: MatchModel,
    records: list[Features],
    pairs: list[tuple[int, int]],
    clusters: Mapping[int, int],
    work_dir: Path,
) -> dict[str, str]:
    """Return Splink's comparison viewer and cluster studio, without values.

    Args:
        model: the match model.
        records: features; a record is named by its place in this list.
        pairs: places of the records of each pair, the lower first.
        clusters: number of the cluster of each record, by its place.
        work_dir: private folder where DuckDB may spill.

    Returns:
        HTML by name: ``comparison-viewer`` and ``cluster-studio``. Neither if there is no pair.
    """
    if not pairs:
        return {}
    table = pa.table({"lo": [lo for lo, _ in pairs], "hi": [hi for _, hi in pairs]}, schema=PAIR_SCHEMA)
    with (
        tempfile.TemporaryDirectory(prefix="charts-", dir=work_dir) as folder,
        _open_engine(model, records, work_dir) as engine,
        engine.predict(table) as scored,
    ):
        engine.hide_values(scored, HIDDEN)
        nodes = engine.register_clusters(clusters)
        # Splink writes a dashboard to a file, and returns it too.
        viewer = engine.linker.visualisations.comparison_viewer_dashboard(
            scored, str(Path(folder) / "viewer.html"), return_html_as_string=True
        )
        numbers = sorted(set(clusters.values()))
        studio = engine.linker.visualisations.cluster_studio_dashboard(
            scored,
            nodes,
            str(Path(folder) / "studio.html"),
            cluster_ids=numbers,  # type: ignore[arg-type]  # Splink quotes texts alone
            cluster_names=[f"Child {number}" for number in numbers],
            return_html_as_string=True,
        )
    return {
        "comparison-viewer": _protect(str(viewer)),
        "cluster-studio": _protect(str(studio)),
    }


@contextmanager
def _open_engine(model: MatchModel, records: Iterable[Features], work_dir: Path) -> Iterator[SplinkEngine]:
    """Open Splink over a few records, whose numbers are their places.

    It scores without the frequencies of values.
    """
    columns = compile_scorer(model).columns
    with tempfile.TemporaryDirectory(prefix="charts-", dir=work_dir) as spill:
        connection = connect_duckdb(Path(spill))
        try:
            connection.register("made", make_feature_table(enumerate(records), columns))
            connection.execute(f"CREATE TABLE {FEATURE_TABLE} AS SELECT * FROM made")
            connection.unregister("made")
            settings = _leave_out_frequencies(model.settings)
            yield SplinkEngine(settings, Frequencies({}, {}), connection, detailed=True)
        finally:
            connection.close()


def _leave_out_frequencies(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by which equal levels weigh the same, whatever their values."""
    comparisons = [
        {
            **comparison,
            "comparison_levels": [
                {name: value for name, value in level.items() if not name.startswith(_FREQUENCY_SETTINGS)}
                for level in comparison["comparison_levels"]
            ],
        }
        for comparison in settings["comparisons"]
    ]
    return {**settings, "comparisons": comparisons}


def _write_chart(chart: SplinkChart[Any], title: str) -> str:
    """Return a chart as a page whose menu only saves pictures."""
    spec = chart.chart_dict
    spec["usermeta"] = {"embedOptions": {"actions": _MENU}}
    html = chart_html(spec, inline=True, fullhtml=True)  # type: ignore[no-untyped-call]
    return _protect(html.replace("<title>Splink chart</title>", f"<title>{title}</title>"))


def _protect(html: str) -> str:
    """Return a Splink page that loads nothing and opens no other page."""
    inside = _OUTSIDE_LINK.sub("", html)
    if "<head>" not in inside:
        raise ValueError("Splink's page has no head")
    return inside.replace("<head>", f"<head>{_POLICY}{_NO_EDITOR}", 1)
