"""Figures that are the same to the byte each time, small, and readable on light and dark pages.

Matplotlib is an extra (``plots``) and is imported only to draw. Nothing here touches its global state.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOR_COLOR, AGAINST_COLOR, FIXED_COLOR, TEXT_COLOR, GRID_COLOR = "#1f5a93", "#b3541e", "#8a8a8a", "#222222", "#d9d9d9"
"""Colours that differ in lightness too, for whoever does not tell them apart by hue."""

_STYLE: Mapping[str, Any] = {
    "svg.hashsalt": "master-person-index",  # names inside the file; random by default
    "svg.fonttype": "none",  # letters stay letters: small, and they can be searched
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.edgecolor": GRID_COLOR,
    "axes.labelcolor": TEXT_COLOR,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": TEXT_COLOR,
    "xtick.color": TEXT_COLOR,
    "ytick.color": TEXT_COLOR,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID_COLOR,
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",  # its own page: a dark one around it does not hide the ink
    "savefig.facecolor": "white",
}

FigureFactory = Callable[[], "Figure"]


class PlotsMissingError(InputError):
    """What draws is not installed."""

    code = "plots-missing"


def can_draw() -> bool:
    """Whether the extra ``plots`` is installed."""
    return find_spec("matplotlib") is not None


def draw_figures(folder: Path, drawings: Mapping[str, FigureFactory]) -> list[Path]:
    """Draw figures as SVG files of a folder, which is made if absent.

    Args:
        folder: where to.
        drawings: file name without its ending, and what makes the figure.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    if not can_draw():
        raise PlotsMissingError("plots are drawn by matplotlib: install the extra `plots`")
    from matplotlib import rc_context  # noqa: PLC0415 - an extra

    style: Any = dict(_STYLE)  # its own names for its settings are one literal type of hundreds
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, make in drawings.items():
        path = folder / f"{name}.svg"
        with rc_context(style):
            make().savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        drawn.append(path)
    return drawn


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of that size in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    return Figure(figsize=(width, height), layout="constrained")


def label_rows(axes: "Axes", labels: list[str]) -> None:
    """Name the rows of a figure from the top down."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
