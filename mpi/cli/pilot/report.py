"""Report of a pilot: one HTML page that needs no other file."""

from dataclasses import dataclass
from importlib.resources import files

import jinja2

from mpi import __version__
from mpi.cli.pilot.certificate import LIMITS, METHOD, Certificate
from mpi.cli.pilot.hardware import MACHINE_SIZES, find_machine
from mpi.cli.pilot.measurement import FileMeasures, PilotMeasures
from mpi.matching.diagnostics.error_rates import Evidence, format_rate
from mpi.service.quality.match_report import AUTOMATIC, EXPECTED, OPEN, REVIEWED, UNLINKED

_EVIDENCE = {
    Evidence.MODEL: "The model's own weights. Their interval is chance alone.",
    Evidence.NUMBERS: "Pairs with numbers of one system. The model used them too, so the truth is worse.",
    Evidence.HIDDEN_NUMBERS: "The same pairs, weighed without their numbers, so the truth is better.",
    Evidence.ANSWERS: "Answers of stewards.",
    Evidence.LABELS: "Labels of stewards.",
}
_SHOWN = 0.05
"""Hours or links below which only a bound is shown."""
_KINDS = {
    "sis": "a school information system",
    "ccwis": "a child-welfare system",
    "state_id": "a register of state student IDs",
    "other": "a system of another kind",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Records of one outcome, as part of a bar."""

    title: str
    css_class: str
    count: int
    percent: float


def render_report(measures: PilotMeasures, certificate: Certificate, children: int | None) -> str:
    """Return the report of a pilot as HTML.

    Args:
        measures: the figures.
        certificate: certificate of destruction.
        children: children of the state whose index is planned; None if nobody said.
    """
    text = (files("mpi.cli.pilot") / "report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": _format_number, "share": _format_share, "hours": _format_hours, "percent": _format_percent,
    }  # fmt: skip
    planned = None if children is None else round(children * measures.records / max(measures.persons, 1))
    return environment.from_string(text).render(
        measures=measures,
        certificate=certificate,
        version=__version__,
        method=METHOD,
        limits=LIMITS,
        kinds=_KINDS,
        evidence=_EVIDENCE,
        format_rate=format_rate,
        list_outcomes=list_outcomes,
        machines=MACHINE_SIZES,
        children=children,
        planned=planned,
        machine=find_machine(measures.records if planned is None else planned),
    )


def list_outcomes(file: FileMeasures) -> list[Outcome]:
    """Return the records of a file by outcome, without empty ones."""
    titles = {
        AUTOMATIC: ("linked", "linked"),
        REVIEWED: ("linked by a person", "linked"),
        OPEN: ("left to a person", "open"),
        UNLINKED: ("not linked", "unlinked"),
        EXPECTED: ("not expected to be linked", "expected"),
    }
    total = max(sum(file.group.counts.values()), 1)
    return [
        Outcome(title, css_class, count, round(100 * count / total, 2))
        for name, (title, css_class) in titles.items()
        if (count := file.group.counts.get(name, 0))
    ]


def _format_number(value: float) -> str:
    return f"{value:,.0f}"


def _format_hours(value: float) -> str:
    return "under 0.1" if 0 < value < _SHOWN else f"{value:,.1f}"


def _format_percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _format_share(part: int, whole: int) -> str:
    """Format a part of a whole, with the whole."""
    return f"{part:,} of {whole:,}" + (f" ({_format_percent(part / whole)})" if whole else "")
