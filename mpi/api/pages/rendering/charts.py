"""Coordinates of charts: link arcs and line charts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.record_values import format_day
from mpi.domain.record_ref import RecordRef

_ROW = 28
_TOP = 16
_MAX_NODES = 24
_SERIES_OFFSET = 8
"""Horizontal offset of a series, so that none hides another."""

Scale = Callable[[float], float]
"""Function from a value to its vertical position in the chart."""


@dataclass(frozen=True, slots=True)
class Node:
    """Position of a record in a chart.

    Records of one source share a tone.
    """

    source: str
    local_id: str
    y: float
    tone: int


@dataclass(frozen=True, slots=True)
class Arc:
    """Drawn arc between two records, thicker for a higher match weight."""

    y1: float
    y2: float
    r: float
    thick: float


@dataclass(frozen=True, slots=True)
class ArcDiagram:
    """Chart of records along an axis, with arcs between compared pairs."""

    nodes: tuple[Node, ...]
    arcs: tuple[Arc, ...]
    axis: float
    width: int
    height: int


def draw_arcs(
    records: Sequence[RecordRef], pairs: Sequence[tuple[RecordRef, RecordRef, float]]
) -> ArcDiagram | None:
    """Compute the arc chart of compared records, None for too many."""
    ordered = sorted(records, key=lambda label: (label.source, label.local_id))
    if len(ordered) > _MAX_NODES:
        return None
    tones = {source: n % 6 for n, source in enumerate(sorted({label.source for label in ordered}))}
    y = {label: float(_TOP + _ROW * n) for n, label in enumerate(ordered)}
    longest = max((abs(y[left] - y[right]) for left, right, _ in pairs), default=0.0)
    axis = longest / 2 + 12
    drawn_arcs = []
    for left, right, bits in pairs:
        top, bottom = sorted((y[left], y[right]))
        thick = round(min(1 + max(bits, 0.0) / 12, 3.5), 1)
        drawn_arcs.append(Arc(top, bottom, (bottom - top) / 2, thick))
    nodes = tuple(Node(label.source, label.local_id, y[label], tones[label.source]) for label in ordered)
    return ArcDiagram(
        nodes=nodes,
        arcs=tuple(drawn_arcs),
        axis=axis,
        width=int(axis + 250),
        height=_TOP * 2 + _ROW * max(len(ordered) - 1, 0),
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """Position of a text or point in a chart."""

    x: float
    y: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Whisker:
    """Vertical interval of one point in a line chart."""

    x: float
    y: float
    foot: float


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """Drawn series of a line chart: line, points and intervals."""

    name: str
    path: str
    band: str
    dots: tuple[Mark, ...]
    tone: int
    whiskers: tuple[Whisker, ...] = ()


@dataclass(frozen=True, slots=True)
class LineChart:
    """Line chart of series over months, with the same figures as table."""

    lines: tuple[SeriesLine, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    rows: tuple[tuple[str, ...], ...]
    left: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Point:
    """One month's value in a line chart, with its interval if any."""

    month: str
    value: float
    low: float | None = None
    high: float | None = None


def draw_lines(series: Sequence[tuple[str, Sequence[Point]]], *, percent: bool) -> LineChart | None:
    """Compute a line chart of monthly series, None without data.

    Args:
        series: name and points of each series, by month ascending.
        percent: whether values are shares of one, shown in percent; otherwise counts.
    """
    months = sorted({point.month for _, points in series for point in points})
    if not months:
        return None
    low, high = _find_value_range(series, percent=percent)
    left, width, height, top_margin, bottom_margin = 48.0, 560.0, 200.0, 12.0, 28.0

    def x(month: str) -> float:
        step = (width - left - 30) / max(len(months) - 1, 1)
        return round(left + 16 + step * months.index(month), 1)

    def y(value: float) -> float:
        return round(top_margin + (high - value) / (high - low) * (height - top_margin - bottom_margin), 1)

    series_lines = tuple(
        _draw_series(
            name,
            points,
            tone,
            [(x(point.month) + tone * _SERIES_OFFSET, y(point.value)) for point in points],
            y,
        )
        for tone, (name, points) in enumerate(series)
    )
    steps = [low + (high - low) * n / 4 for n in range(5)]
    ticks = tuple(Mark(0, y(step), _format_tick(step, percent=percent)) for step in steps)
    label_interval = max(1, (len(months) + 7) // 8)
    labels = tuple(Mark(x(month), 0, format_day(month)) for month in months[::label_interval])
    rows = tuple(
        (format_day(month), *(_format_cell(points, month, percent=percent) for _, points in series))
        for month in months
    )
    return LineChart(
        lines=series_lines, ticks=ticks, labels=labels, rows=rows, left=left, width=width, height=height
    )


def _find_value_range(series: Sequence[tuple[str, Sequence[Point]]], *, percent: bool) -> tuple[float, float]:
    """Return the lowest and highest value of a line chart's axis."""
    values = [
        value
        for _, points in series
        for point in points
        for value in (point.value, point.low, point.high)
        if value is not None
    ]
    if not percent:
        most = max(values)
        unit = 1.0
        while unit * 4 < most:
            unit *= 2 if str(unit)[0] in "15" else 2.5
        return 0.0, unit * 4
    floor = min(values)
    return next((step for step in (0.98, 0.9, 0.8, 0.6) if floor >= step), 0.0), 1.0


def _draw_series(
    name: str, points: Sequence[Point], tone: int, positions: Sequence[tuple[float, float]], y: Scale
) -> SeriesLine:
    """Compute line, points and intervals of one series in a line chart."""
    path = "M " + " L ".join(f"{px} {py}" for px, py in positions)
    spread = [(px, point.low, point.high) for (px, _), point in zip(positions, points, strict=True)]
    above = [f"{px} {y(high)}" for px, _, high in spread if high is not None]
    below = [f"{px} {y(low)}" for px, low, _ in spread if low is not None]
    has_full_interval = len(points) > 1 and len(above) == len(below) == len(points)
    band = "M " + " L ".join([*above, *reversed(below)]) + " Z" if has_full_interval else ""
    whiskers = tuple(
        Whisker(px, y(high), y(low))
        for px, low, high in spread
        if not band and low is not None and high is not None
    )
    dots = tuple(Mark(px, py) for px, py in positions)
    return SeriesLine(name=name, path=path, band=band, dots=dots, tone=tone, whiskers=whiskers)


def _format_tick(value: float, *, percent: bool) -> str:
    """Format a value for a line chart's axis."""
    return f"{value * 100:.0f} %" if percent else f"{value:,.0f}"


def _format_cell(points: Sequence[Point], month: str, *, percent: bool) -> str:
    """Format the value of a month in the chart's table."""
    for point in points:
        if point.month == month:
            text = f"{point.value * 100:.1f} %" if percent else f"{point.value:,.0f}"
            if point.low is not None and point.high is not None and percent:
                text += f" ({point.low * 100:.1f}–{point.high * 100:.1f})"
            return text
    return "–"
