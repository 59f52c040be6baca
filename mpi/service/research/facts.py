"""Everything that the files of a research extract say."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mpi.domain import clock
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT, suppress_cells
from mpi.matching.model.match_model import MatchModel
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.cases.research import ResearchTerms, is_deidentified
from mpi.reports.reidentification import Risk, find_rare_values, measure_risk
from mpi.service.core.index import Index
from mpi.service.quality.calibration import LinkedPairs
from mpi.service.research.children import LinkedChildren, find_children
from mpi.service.research.link_quality import LinkQuality, measure_links
from mpi.service.research.rows import ExtractRow, read_rows
from mpi.service.research.value_codes import make_value_codes
from mpi.service.research.variables import (
    SEPARATOR,
    UNLISTED,
    Variable,
    check_levels,
    coarsen,
    list_variables,
)
from mpi.service.rights.research_ids import derive_key, make_id
from mpi.storage.repositories.access.research_projects import StoredProject
from mpi.storage.unit_of_work.units import ReadUnit

SOURCE = "source"
"""Column of the source, which an acquaintance knows like any variable."""
WHOLE = "whole"
LINK_COLUMNS = ("weakest_link", "child_records", "reviewed", "partition")

ReadSignatures = Callable[[str, str], Sequence[Hashable]]
"""Returns what the rows of each child say, by column and level."""


@dataclass(frozen=True, slots=True)
class ExtractFacts:
    """What the files of an extract say.

    Args:
        project: the project.
        day: day of the extract, ``YYYY-MM-DD``.
        terms: terms of the project.
        agreement: its agreement in force.
        bases: title, citation and mark of each legal basis.
        is_deidentified: whether the extract has to pass the risk rule.
        variables: the variables.
        levels: level of each variable.
        table: rows of the extract, ordered by its IDs.
        links: quality of the links of each child.
        risk: risk of the extract.
        finest_risk: risk of the same children with every variable at its finest level.
        rare_values: values of each column that too few children have.
        source_counts: records by source.
        restricted: children left out because of a restriction or an opt-out.
        uncovered: records left out since their child is of no agreed population.
        definitions: children by definition, for each variable of flags.
        model: the match model.
    """

    project: StoredProject
    day: str
    terms: ResearchTerms
    agreement: Agreement
    bases: tuple[tuple[str, str, str], ...]
    is_deidentified: bool
    variables: tuple[Variable, ...]
    levels: Mapping[str, str]
    table: tuple[tuple[str, ...], ...]
    links: tuple[LinkQuality, ...]
    risk: Risk
    finest_risk: Risk
    rare_values: Mapping[str, int]
    source_counts: Mapping[str, int]
    restricted: int
    uncovered: int
    definitions: Mapping[str, Mapping[str, int]]
    model: MatchModel

    @property
    def header(self) -> tuple[str, ...]:
        """Columns of the table."""
        return ("research_id", "record_id", SOURCE, *(each.name for each in self.variables), *LINK_COLUMNS)

    @property
    def required_size(self) -> int:
        """Smallest count above 0 that the files show."""
        return self.risk.required

    def count_bands(self) -> dict[str, int | None]:
        """Count the children by the band of their weakest link.

        Small counts are None.
        """
        return suppress_cells(Counter(link.band for link in self.links), self.required_size)

    def count_reviewed(self) -> dict[str, int | None]:
        """Count the children by whether a steward decided about them.

        Small counts are None.
        """
        return suppress_cells(
            Counter("yes" if link.is_reviewed else "no" for link in self.links), self.required_size
        )

    def count_unlisted(self) -> dict[str, int]:
        """Count each column's rows in which a text was no known code."""
        places = {each.name: self.header.index(each.name) for each in self.variables}
        return {
            name: sum(UNLISTED in row[place].split(SEPARATOR) for row in self.table)
            for name, place in places.items()
        }

    def list_definitions(self, variable: str) -> tuple[str, ...]:
        """Return the definitions of a variable's flags that enough children have."""
        counts = self.definitions.get(variable, {})
        return tuple(code for code, children in counts.items() if children >= self.required_size)

    def count_rows_by_source(self) -> dict[str, int | None]:
        """Count the records by source; small counts are None."""
        return suppress_cells(self.source_counts, self.required_size)


@dataclass(frozen=True, slots=True)
class FoundExtract:
    """Facts of an extract, with what is not for its files.

    Args:
        facts: the facts.
        records: numbers of the records, ascending.
        read_signatures: reads the columns at other levels.
        pairs: pairs of records, by which linkage error is estimated.
    """

    facts: ExtractFacts
    records: tuple[int, ...]
    read_signatures: ReadSignatures
    pairs: LinkedPairs


def find_extract(
    unit: ReadUnit,
    index: Index,
    project: StoredProject,
    terms: ResearchTerms,
    agreement: Agreement,
    grants: Sequence[Grant],
) -> FoundExtract:
    """Read an extract from one snapshot.

    Args:
        unit: the transaction.
        index: the open index.
        project: the project, which lasts.
        terms: its terms.
        agreement: its agreement in force.
        grants: the grants to the project.
    """
    variables = list_variables(terms.fields)
    levels = check_levels(variables, terms.levels)
    key = derive_key(index, project)
    codes = make_value_codes(index, agreement, key)
    children = find_children(unit, index, terms.linked_by)
    found = read_rows(unit, agreement, grants, variables, codes, children.child_of)
    links = measure_links(unit, children, found.rows)
    read = make_signature_reader(found.rows, variables)
    required = max(agreement.small_cell, SMALLEST_SHOWN_COUNT)
    signatures = {SOURCE: read(SOURCE, WHOLE)} | {name: read(name, level) for name, level in levels.items()}
    finest = {each.name: read(each.name, each.levels[0]) for each in variables}
    facts = ExtractFacts(
        project=project,
        day=clock.today(),
        terms=terms,
        agreement=agreement,
        bases=_list_bases(index, grants),
        is_deidentified=is_deidentified(grants),
        variables=variables,
        levels=levels,
        table=_make_table(children, key, found.rows, variables, levels, links),
        links=tuple(links.values()),
        risk=measure_risk(signatures, required),
        finest_risk=measure_risk({SOURCE: signatures[SOURCE]} | finest, required),
        rare_values=find_rare_values(signatures, required),
        source_counts=Counter(row.source for row in found.rows),
        restricted=found.restricted,
        uncovered=found.uncovered,
        definitions=found.definitions,
        model=index.matcher.model,
    )
    return FoundExtract(facts, tuple(sorted(row.record for row in found.rows)), read, children.pairs)


def make_signature_reader(rows: Sequence[ExtractRow], variables: Sequence[Variable]) -> ReadSignatures:
    """Return a function that reads what the rows of each child say.

    The rows of a child are in one order for every column, so that children with equal signatures in all
    columns have equal rows.
    """
    places = {variable.name: place for place, variable in enumerate(variables)}
    children: dict[int, list[ExtractRow]] = {}
    for row in rows:
        children.setdefault(row.person, []).append(row)
    groups = [
        sorted(group, key=lambda row: (row.source, tuple(value or "" for value in row.values)))
        for group in children.values()
    ]

    def read(column: str, level: str) -> list[tuple[str, ...]]:
        if column == SOURCE:
            return [tuple(row.source for row in group) for group in groups]
        place = places[column]
        return [tuple(coarsen(row.values[place], level) for row in group) for group in groups]

    return read


def _list_bases(index: Index, grants: Sequence[Grant]) -> tuple[tuple[str, str, str], ...]:
    found = (index.settings.legal_bases.get(grant.legal_basis) for grant in grants)
    return tuple(sorted({(basis.title, basis.citation, basis.mark) for basis in found if basis is not None}))


def _make_table(
    children: LinkedChildren,
    key: bytes,
    rows: Sequence[ExtractRow],
    variables: Sequence[Variable],
    levels: Mapping[str, str],
    links: Mapping[int, LinkQuality],
) -> tuple[tuple[str, ...], ...]:
    """Return the rows of an extract in the order of its IDs.

    This order tells nothing of the children.
    """
    used_levels = [levels[variable.name] for variable in variables]
    first_texts: dict[int, str] = {}
    for row in rows:
        text = children.texts[row.record]
        first_texts[row.person] = min(text, first_texts.get(row.person, text))
    table = (
        (
            make_id(key, "child", first_texts[row.person]),
            make_id(key, "record", f"{len(row.source)}|{row.source}|{row.local_id}"),
            row.source,
            *(coarsen(value, level) for value, level in zip(row.values, used_levels, strict=True)),
            links[row.person].band,
            f"{links[row.person].records}",
            "yes" if links[row.person].is_reviewed else "no",
            str(children.linked_by),
        )
        for row in rows
    )
    return tuple(sorted(table, key=itemgetter(0, 1)))
