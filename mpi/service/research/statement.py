"""Linkage statement of a research extract (Markdown), by GUILD and RECORD.

Sources: R. Gilbert and others, "GUILD: GUidance for Information about Linking Data sets", Journal of Public
Health 40 (2018), pages 191-198; E. I. Benchimol and others, "The REporting of studies Conducted using
Observational Routinely-collected health Data (RECORD) Statement", PLoS Medicine 12 (2015), e1001885. Steps
are GUILD's, numbers of items RECORD's. Small counts are hidden, so that the statement can be published.
"""

from collections.abc import Sequence

from mpi.domain.statistics.small_cells import suppress_count
from mpi.domain.weight import compute_probability
from mpi.matching.diagnostics.error_rates import ErrorRates
from mpi.policy.agreement import LinkedBy
from mpi.service.research.facts import ExtractFacts
from mpi.service.research.link_quality import BANDS
from mpi.service.research.templates import read_template


def write_statement(facts: ExtractFacts, rates: Sequence[ErrorRates]) -> str:
    """Return the linkage statement of an extract.

    Args:
        facts: what is in the extract.
        rates: error rates of links among its records, by evidence and group.
    """
    counts = facts.count_bands()
    is_statistical = facts.terms.linked_by is LinkedBy.STATISTICAL
    thresholds = facts.model.statistical if is_statistical else facts.model.thresholds
    return read_template("statement.md.j2").render(
        facts=facts,
        model=facts.model,
        restricted=suppress_count(facts.restricted, facts.required_size),
        uncovered=suppress_count(facts.uncovered, facts.required_size),
        compared=[each["output_column_name"] for each in facts.model.settings["comparisons"]],
        is_statistical=is_statistical,
        thresholds=thresholds,
        link_probability=compute_probability(thresholds.link),
        bands={band: counts[band] for band in BANDS if band in counts},
        rates=rates,
    )
