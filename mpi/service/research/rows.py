"""Rows of a research extract: the agreed values of its records."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import clock
from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.cases.research import permits_field
from mpi.policy.parties import ALL
from mpi.service.core.visibility import read_populations_by_child
from mpi.service.research.value_codes import ValueCodes
from mpi.service.research.variables import UNLISTED, Variable, list_definitions
from mpi.standardize.restrictions import is_restricted
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class ExtractRow:
    """A record of an extract, with its values at the finest levels.

    Args:
        record: number of the record.
        person: number of its person.
        source: code of its source.
        local_id: local ID, from which its research ID is made.
        values: one value for each variable; None where it has none, or the agreement does not name it for
            this record.
    """

    record: int
    person: int
    source: str
    local_id: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class ExtractRows:
    """Rows of an extract, and how many children were left out.

    Args:
        rows: the rows, by source and local ID.
        restricted: children left out since a record is restricted or opted out.
        uncovered: records of the agreement's sources whose child is of no agreed population.
        definitions: children by definition, for each variable of flags.
    """

    rows: tuple[ExtractRow, ...]
    restricted: int
    uncovered: int
    definitions: Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class _Coverage:
    """Which grants cover the records of each source, by population."""

    owners: Mapping[str, frozenset[str]]
    grants: Mapping[str, Sequence[Grant]] = field(default_factory=dict)

    def list_covering(self, source: str, populations: Collection[tuple[str, str]]) -> list[Grant]:
        """Return the grants that cover a record, by its child's populations.

        A population counts if a source of the record's owner states it, so that the extract tells nothing of
        what another agency says.
        """
        stated = {population for stating, population in populations if stating in self.owners[source]}
        return [each for each in self.grants[source] if each.population == ALL or each.population in stated]


@dataclass(slots=True)
class _Definitions:
    """Children by the definitions of their flags, for each variable of flags."""

    codes: ValueCodes
    day: str
    children: dict[str, dict[str, set[int]]] = field(default_factory=dict)

    def add(self, person: int, content: CanonicalRecord, variables: Sequence[Variable]) -> None:
        """Add the definitions of a record's flags."""
        for variable in variables:
            for definition in list_definitions(content, variable, self.day):
                code = self.codes.find_code("flag_definition", definition) or UNLISTED
                self.children.setdefault(variable.name, {}).setdefault(code, set()).add(person)

    def count(self) -> dict[str, dict[str, int]]:
        """Count the children, in the order of the codes."""
        return {
            name: {code: len(persons) for code, persons in sorted(by_code.items())}
            for name, by_code in self.children.items()
        }


def read_rows(
    unit: ReadUnit,
    agreement: Agreement,
    grants: Sequence[Grant],
    variables: Sequence[Variable],
    codes: ValueCodes,
    child_of: Mapping[int, int],
) -> ExtractRows:
    """Read the rows of an extract.

    A child is left out with all records if any of them is opted out, under a protective order, or has an
    address that is confidential. Sealed records are in no answer.

    Args:
        unit: the transaction.
        agreement: the project's agreement.
        grants: its grants to the project.
        variables: the variables of the extract.
        codes: its codes, in place of texts.
        child_of: number of each record's child.
    """
    coverage = _find_coverage(unit, agreement, grants)
    labels = {
        record: label for record, label in unit.records.iterate_labels() if label.source in coverage.grants
    }
    asked = {child_of[record] for record in labels}
    children = {child: records for child, records in _group_records(child_of).items() if child in asked}
    restricted = _find_restricted_children(unit, children)
    populations = {}
    if any(grant.population != ALL for grant in grants):
        populations = read_populations_by_child(unit, children)
    rows = []
    uncovered = 0
    today = clock.today()
    definitions = _Definitions(codes, today)
    kept = [record for record in labels if child_of[record] not in restricted]
    for record, content in _iterate_contents(unit, kept):
        label, person = labels[record], child_of[record]
        covering = coverage.list_covering(label.source, populations.get(person, ()))
        if covering:
            named = _select_named(covering, variables)
            values = tuple(
                codes.encode(each, each.read(content, today)) if each in named else None for each in variables
            )
            definitions.add(person, content, named)
            rows.append(ExtractRow(record, person, label.source, label.local_id, values))
        else:
            uncovered += 1
    return ExtractRows(tuple(rows), len(restricted), uncovered, definitions.count())


def _find_coverage(unit: ReadUnit, agreement: Agreement, grants: Sequence[Grant]) -> _Coverage:
    """Find the sources of each grant, without that of stewards' corrections."""
    owners: dict[str, frozenset[str]] = {}
    by_source: dict[str, list[Grant]] = {}
    codes = [source.code for source in unit.sources.all() if source.kind != STEWARD_SOURCE_KIND]
    for grant in grants:
        discloser = agreement.find_party(grant.discloser)
        own = [code for code in codes if discloser is not None and discloser.owns(code)]
        for code in own:
            by_source.setdefault(code, []).append(grant)
            owners[code] = frozenset(own)
    return _Coverage(owners, by_source)


def _iterate_contents(unit: ReadUnit, records: Collection[int]) -> Iterator[tuple[int, CanonicalRecord]]:
    for chunk in iter_chunks(records):
        payloads = unit.record_versions.payloads(chunk)
        for record in chunk:
            if record in payloads:
                yield record, record_from_bytes(payloads[record][1])


def _group_records(child_of: Mapping[int, int]) -> dict[int, list[int]]:
    """Return the records of each child."""
    children: dict[int, list[int]] = {}
    for record, child in child_of.items():
        children.setdefault(child, []).append(record)
    return children


def _find_restricted_children(unit: ReadUnit, children: Mapping[int, Collection[int]]) -> set[int]:
    """Return the children with a record whose restriction is in force.

    A restriction covers all records of the person, also where another partition makes several children of
    them.
    """
    today = clock.today()
    child_of = {record: child for child, records in children.items() for record in records}
    person_of = unit.persons.all_current_persons()
    persons = {person_of[record] for record in child_of}
    records = [record for record, person in person_of.items() if person in persons]
    restricted = {
        person_of[record]
        for record, content in _iterate_contents(unit, records)
        if is_restricted(content, today)
    }
    return {child for record, child in child_of.items() if person_of[record] in restricted}


def _select_named(covering: Sequence[Grant], variables: Sequence[Variable]) -> list[Variable]:
    """Return the variables that a covering grant names."""
    return [each for each in variables if any(permits_field(grant, each.field) for grant in covering)]
