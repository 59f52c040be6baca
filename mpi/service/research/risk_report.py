"""Report on the re-identification risk of a research extract, as Markdown."""

from mpi.reports.reidentification import Risk
from mpi.service.research.facts import ExtractFacts
from mpi.service.research.templates import read_template

_TITLES = (
    "Children",
    "Classes",
    "Children in the smallest class (k)",
    "Children alone in their class",
    "Children in classes that are too small",
    "Highest risk of a child",
    "Average risk of a child",
)


def write_risk_report(facts: ExtractFacts) -> str:
    """Return the report on the risk of re-identification from the extract."""
    columns = (_TITLES, _list_figures(facts.risk), _list_figures(facts.finest_risk))
    return read_template("risk_report.md.j2").render(
        facts=facts,
        figures=list(zip(*columns, strict=True)),
        coarsened=[each for each in facts.variables if facts.levels[each.name] != each.levels[0]],
        rare=sorted((name, count) for name, count in facts.rare_values.items() if count),
    )


def _list_figures(risk: Risk) -> tuple[str, ...]:
    counts = (risk.children, risk.classes, risk.smallest, risk.uniques, risk.exposed)
    return (*(f"{count:,}" for count in counts), f"{risk.highest:.3f}", f"{risk.average:.3f}")
