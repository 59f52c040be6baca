"""Reproducible SVG canvas: style, colors and files of figures.

Figures are equal to the byte each time, small, and readable on light and dark pages. Matplotlib is
an extra (``plots``) and is imported only to draw. Nothing here touches its global state.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOR_COLOR, AGAINST_COLOR, FIXED_COLOR, TEXT_COLOR, GRID_COLOR = (
    "#1f5a93",
    "#b3541e",
    "#8a8a8a",
    "#222222",
    "#d9d9d9",
)
"""Colors of the figures: for a match, against, fixed, text and grid.

They differ in lightness too, for people who do not see the hues apart.
"""

_STYLE: Mapping[str, Any] = {
    "svg.hashsalt": "master-person-index",  # element IDs are random by default
    "svg.fonttype": "none",  # text stays text: small and searchable
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
    "figure.facecolor": "white",  # readable on a dark page
    "savefig.facecolor": "white",
}

FigureFactory = Callable[[], "Figure"]


class PlotsMissingError(InputError):
    """Error: the drawing library is not installed."""

    code = "plots-missing"


def can_draw() -> bool:
    """Return whether the optional drawing library (extra ``plots``) is installed."""
    return find_spec("matplotlib") is not None


def draw_figures(folder: Path, factories: Mapping[str, FigureFactory]) -> list[Path]:
    """Draw figures as SVG files in a folder, made if absent.

    Args:
        folder: folder for the files.
        factories: file name without its ending to the function that makes the figure.

    Raises:
        PlotsMissingError: the extra ``plots`` is not installed.
    """
    if not can_draw():
        raise PlotsMissingError("plots are drawn by matplotlib: install the extra `plots`")
    from matplotlib import rc_context  # noqa: PLC0415 - Matplotlib is an optional extra

    style: Any = dict(_STYLE)  # Matplotlib types its keys as one literal of hundreds
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, factory in factories.items():
        path = folder / f"{name}.svg"
        with rc_context(style):
            factory().savefig(
                path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )
        paths.append(path)
    return paths


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of the given size in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - Matplotlib is an optional extra

    return Figure(figsize=(width, height), layout="constrained")


def label_rows(axes: "Axes", labels: list[str]) -> None:
    """Label the rows of a figure from the top down."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x")
