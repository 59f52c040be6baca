"""Charts of few figures: estimates with intervals, counts by day, shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import Mark
from mpi.api.pages.rendering.record_values import format_day

_WIDTH, _LEFT, _RIGHT = 560.0, 40.0, 12.0
_HEIGHT, _TOP, _BOTTOM = 190.0, 12.0, 26.0
_LABEL_COUNT = 5
"""Most days with a label below the axis."""
_FLOORS = (0.98, 0.9, 0.8, 0.6, 0.0)
"""Lower ends of an axis of shares; the highest that shows all values is used."""


@dataclass(frozen=True, slots=True)
class IntervalMark:
    """Estimate with its interval, as positions from 0 to 100.

    Args:
        name: what is estimated.
        text: the estimate and its interval in words.
        basis: what it is an estimate of and from.
        x: position of the estimate.
        low: position of the lower end.
        width: width of the interval.
    """

    name: str
    text: str
    basis: str
    x: float
    low: float
    width: float


@dataclass(frozen=True, slots=True)
class IntervalChart:
    """Estimates on one axis of shares, with the marks of the axis."""

    rows: tuple[IntervalMark, ...]
    ticks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class SharedEstimate:
    """Estimated share with its interval, for a chart.

    Args:
        name: what is estimated.
        value: the share, from 0 to 1.
        low: lower end of the interval.
        high: upper end.
        basis: what it is an estimate of and from, in words.
    """

    name: str
    value: float
    low: float
    high: float
    basis: str


def draw_intervals(estimates: Sequence[SharedEstimate]) -> IntervalChart | None:
    """Compute a chart of estimated shares with intervals, None without any."""
    if not estimates:
        return None
    lowest = min(min(one.low, one.value) for one in estimates)
    floor = next(step for step in _FLOORS if lowest >= step)

    def place(share: float) -> float:
        return round(100 * (share - floor) / (1 - floor), 1)

    rows = tuple(
        IntervalMark(
            name=one.name,
            text=f"{one.value * 100:.1f} % ({one.low * 100:.1f}–{one.high * 100:.1f})",
            basis=one.basis,
            x=place(one.value),
            low=place(one.low),
            width=round(place(one.high) - place(one.low), 1),
        )
        for one in estimates
    )
    steps = [floor + (1 - floor) * n / 4 for n in range(5)]
    return IntervalChart(rows, tuple(Mark(place(step), 0, _format_share(step)) for step in steps))


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a chart: the count of one series on one day."""

    x: float
    y: float
    width: float
    height: float
    tone: int


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Columns by day, side by side for each series, with a table.

    The table holds the same values as the columns.
    """

    columns: tuple[Column, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: float
    width: float
    height: float
    base: float


def draw_columns(names: Sequence[str], days: Sequence[tuple[str, Sequence[int]]]) -> ColumnChart | None:
    """Compute a chart of daily counts, None without any count.

    Args:
        names: names of the series.
        days: each day (``YYYY-MM-DD``, ascending) with one count a series.
    """
    most = max((count for _, counts in days for count in counts), default=0)
    if not most:
        return None
    step = _choose_step(most)
    top = step * -(-most // step)
    slot = (_WIDTH - _LEFT - _RIGHT) / len(days)
    width = min(slot * 0.8 / len(names), 24.0)

    def place_y(count: float) -> float:
        return round(_TOP + (1 - count / top) * (_HEIGHT - _TOP - _BOTTOM), 1)

    columns = []
    for position, (_, counts) in enumerate(days):
        start = _LEFT + slot * (position + 0.5) - width * len(names) / 2
        for tone, count in enumerate(counts):
            height = round(place_y(0) - place_y(count), 1)
            columns.append(
                Column(round(start + width * tone, 1), place_y(count), round(width, 1), height, tone)
            )
    interval = -(-len(days) // _LABEL_COUNT)
    return ColumnChart(
        columns=tuple(columns),
        ticks=tuple(Mark(0, place_y(count), f"{count:,}") for count in range(0, top + 1, step)),
        labels=tuple(
            Mark(round(_LEFT + slot * (position + 0.5), 1), 0, format_day(day).partition(",")[0])
            for position, (day, _) in enumerate(days)
            if position % interval == 0
        ),
        names=tuple(names),
        rows=tuple((format_day(day), *(f"{count:,}" for count in counts)) for day, counts in days),
        left=_LEFT,
        width=_WIDTH,
        height=_HEIGHT,
        base=place_y(0),
    )


def _choose_step(most: int) -> int:
    """Return the distance between the marks of an axis.

    With this distance, the axis needs at most five marks.
    """
    step = 1
    while step * 4 < most:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step


def _format_share(share: float) -> str:
    """Format a share as percent, with a decimal if it has one."""
    return f"{share * 100:g} %" if round(share * 100, 1) != round(share * 100) else f"{share * 100:.0f} %"
