"""Files of a research extract, whose bytes follow from the facts alone."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence

import orjson

from mpi.domain.statistics.sampling import Estimate
from mpi.matching.diagnostics.error_rates import ErrorRates
from mpi.policy.agreement import LinkedBy
from mpi.policy.cases.research import RESEARCH_PURPOSE
from mpi.service.research.facts import SOURCE, ExtractFacts
from mpi.service.research.link_quality import BANDS
from mpi.service.research.projects import describe_terms
from mpi.service.research.risk_report import write_risk_report
from mpi.service.research.statement import write_statement
from mpi.service.research.variables import SEPARATOR
from mpi.standardize.formula_text import escape_formula

MANIFEST = "manifest.json"
VERSION = 2
"""Version of the form of an extract."""
ERROR_COLUMNS = (
    "evidence", "group", "linked_pairs",
    *(f"{kind}_links_per_10000{end}" for kind in ("false", "missed") for end in ("", "_low", "_high")),
)  # fmt: skip
_CODEBOOK = ("variable", "meaning", "field", "level", "values", "definitions", "missing_percent", "unlisted")
_ID_VARIABLES = (
    ("research_id", "Child, by an ID of this project alone", "130 bits, base 32"),
    ("record_id", "Record, by an ID of this project alone", "130 bits, base 32"),
    (SOURCE, "Source that sent the record", "code"),
)
_LINK_VARIABLES = (
    (
        "weakest_link",
        "Bits above the link threshold of the weakest link of the child (linkage-statement.md)",
        "|".join(BANDS),
    ),
    ("child_records", "Rows of the child in this extract", "whole number"),
    ("reviewed", "A steward decided that rows of the child are one child", "yes|no"),
    ("partition", "Partition from which the children come (linkage-statement.md)", "|".join(LinkedBy)),
)


def write_files(facts: ExtractFacts, rates: Sequence[ErrorRates]) -> dict[str, bytes]:
    """Return the files of an extract by name, the manifest last.

    Args:
        facts: what they say.
        rates: error rates of links among the records of the extract, by evidence and group.
    """
    files = {
        "records.csv": _write_csv(facts.header, facts.table),
        "codebook.csv": _write_csv(_CODEBOOK, _list_codebook(facts)),
        "error-rates.csv": _write_csv(ERROR_COLUMNS, (_list_rate_cells(rate) for rate in rates)),
        "linkage-statement.md": write_statement(facts, rates).encode(),
        "risk-report.md": write_risk_report(facts).encode(),
        "terms.json": _write_json(_describe_project(facts)),
    }
    listed = [
        {"name": name, "bytes": len(content), "sha256": digest(content)} for name, content in files.items()
    ]
    manifest = {
        "version": VERSION,
        "project": facts.project.code,
        "day": facts.day,
        "rows": len(facts.table),
        "children": facts.risk.children,
        "files": listed,
    }
    return {**files, MANIFEST: _write_json(manifest)}


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def _describe_project(facts: ExtractFacts) -> dict[str, object]:
    """Return the project, its agreement and legal bases as plain values."""
    agreement = facts.agreement
    return {
        "project": facts.project.code,
        "title": facts.project.title,
        **describe_terms(facts.terms),
        "agreement_title": agreement.title,
        "agreement_version": agreement.version,
        "agreement_ends": None if agreement.ends is None else agreement.ends.isoformat(),
        "retention_days": agreement.retention_days,
        "redisclosure": agreement.redisclosure,
        "legal_bases": [{"title": t, "citation": c, "mark": m} for t, c, m in facts.bases],
        "is_deidentified": facts.is_deidentified,
        "purpose": RESEARCH_PURPOSE,
        "duty": "At its end, the recipient destroys every copy and says so: mpi research destroyed.",
    }


def _list_codebook(facts: ExtractFacts) -> Iterable[tuple[object, ...]]:
    """Yield a line for each column of the table."""
    columns = list(zip(*facts.table, strict=True)) or [() for _ in facts.header]
    missing = {
        name: f"{100 * sum(not cell for cell in column) / max(len(column), 1):.0f}"
        for name, column in zip(facts.header, columns, strict=True)
    }
    for name, meaning, values in _ID_VARIABLES:
        yield name, meaning, "", "", values, "", missing[name], 0
    unlisted = facts.count_unlisted()
    for each in facts.variables:
        definitions = SEPARATOR.join(facts.list_definitions(each.name))
        yield (
            each.name, each.label, each.field, facts.levels[each.name], each.values, definitions,
            missing[each.name], unlisted[each.name],
        )  # fmt: skip
    for name, meaning, values in _LINK_VARIABLES:
        yield name, meaning, "", "", values, "", missing[name], 0


def _list_rate_cells(rate: ErrorRates) -> tuple[object, ...]:
    pairs = round(rate.pairs, -1)
    return (
        rate.evidence,
        rate.group,
        pairs,
        *_list_limits(rate.false_links),
        *_list_limits(rate.missed_links),
    )


def _list_limits(estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return "", "", ""
    return f"{estimate.value:.1f}", f"{estimate.low:.1f}", f"{estimate.high:.1f}"


def _write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file (UTF-8, LF) without cells that are formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _write_json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
