"""Variables of a research extract, and their levels of detail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mpi.domain.errors import InputError
from mpi.domain.record import CanonicalRecord, Enrollment, Flag, Placement
from mpi.policy.agreement import FLAG_PREFIX
from mpi.standardize.fields.codes import parse_sex
from mpi.standardize.fields.dates import is_within_period, to_birth_day, to_iso_day

LEFT_OUT = "left_out"
"""Level at which a variable has no value."""
_WHOLE = ("whole", LEFT_OUT)
_DAY, _MONTH, _YEAR, _FIVE_YEARS = "day", "month", "year", "five_years"
_DATE = (_DAY, _MONTH, _YEAR, LEFT_OUT)
_POSTAL = ("five_digits", "three_digits", LEFT_OUT)
_LENGTHS = {_DAY: 10, _MONTH: 7, _YEAR: 4, "five_digits": 5, "three_digits": 3}
"""Characters that a level keeps."""
UNLISTED = "unlisted"
"""Stands for a text that is no known code."""
SEPARATOR = "|"
"""Stands between the codes of a value that has several."""
_FLAG_RANKS = "UNY"
_SPAN = 5

ReadValue = Callable[[CanonicalRecord, str], str | None]
"""Returns a record's value at the finest level, as of a day."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an extract.

    Args:
        name: name of the column.
        field: canonical field, or ``flags.POPULATION``, that the agreement has to name.
        label: what it says, for the codebook.
        levels: levels of detail, from fine to coarse.
        read: returns its value of a record.
        codes: list of codes of its texts; None where it has no text as its source sent it.
        is_list: whether a value has several codes.
    """

    name: str
    field: str
    label: str
    levels: tuple[str, ...]
    read: ReadValue
    codes: str | None = None
    is_list: bool = False

    @property
    def values(self) -> str:
        """Form of the values, for the codebook."""
        if self.codes is not None:
            return f"code ({self.codes})"
        return "YYYY-MM-DD, cut to the level" if _DAY in self.levels else "text"


def list_variables(fields: tuple[str, ...]) -> tuple[Variable, ...]:
    """Return the variables of some fields, in the order of the columns."""
    named = set(fields)
    flags = tuple(_make_flag_variable(field) for field in sorted(named) if field.startswith(FLAG_PREFIX))
    return (*(variable for variable in _VARIABLES if variable.field in named), *flags)


def check_levels(variables: tuple[Variable, ...], levels: Mapping[str, str]) -> dict[str, str]:
    """Return the level of every variable; the finest where none is named.

    Raises:
        InputError: a variable or level does not exist.
    """
    by_name = {variable.name: variable for variable in variables}
    for name, level in levels.items():
        if name not in by_name:
            raise InputError(f"coarsen: there is no variable {name!r}; there are: {', '.join(by_name)}")
        if level not in by_name[name].levels:
            raise InputError(f"coarsen: {name} has the levels {', '.join(by_name[name].levels)}")
    return {variable.name: levels.get(variable.name, variable.levels[0]) for variable in variables}


def coarsen(value: str | None, level: str) -> str:
    """Return a value at a level; empty where there is none."""
    if not value or level == LEFT_OUT:
        return ""
    if value == UNLISTED:
        return value
    if level == _FIVE_YEARS:
        year = int(value[:4])
        first = year - year % _SPAN
        return f"{first}-{first + _SPAN - 1}"
    return value[: _LENGTHS.get(level)]


def list_definitions(record: CanonicalRecord, variable: Variable, day: str) -> set[str]:
    """Return the definitions of a record's flags of a variable, as sent."""
    if not variable.field.startswith(FLAG_PREFIX):
        return set()
    return {flag.definition for flag in _list_flags(record, variable.field, day)}


def _make_flag_variable(field: str) -> Variable:
    population = field.removeprefix(FLAG_PREFIX)

    def read(record: CanonicalRecord, day: str) -> str | None:
        values = (flag.value for flag in _list_flags(record, field, day))
        return max(values, key=_FLAG_RANKS.find, default=None)

    return Variable(
        f"flag_{population}",
        field,
        f"Population {population}, as its source states it: Y, N or U",
        _WHOLE,
        read,
    )


def _list_flags(record: CanonicalRecord, field: str, day: str) -> list[Flag]:
    """Return a record's flags of a population in force on a day."""
    population = field.removeprefix(FLAG_PREFIX)
    return [
        flag
        for flag in record.flags
        if flag.population == population and is_within_period(flag.begin, flag.end, day)
    ]


def _find_enrollment(record: CanonicalRecord) -> Enrollment:
    """Return the enrollment that began last."""
    return max(record.enrollments, key=lambda each: to_iso_day(each.entry_date) or "", default=Enrollment())


def _find_placement(record: CanonicalRecord) -> Placement:
    """Return the placement that began last."""
    return max(record.placements, key=lambda each: to_iso_day(each.begin) or "", default=Placement())


def _read_address(name: str) -> ReadValue:
    return lambda record, _day: getattr(record.addresses[0], name) if record.addresses else None


def _read_enrollment(name: str) -> ReadValue:
    return lambda record, _day: getattr(_find_enrollment(record), name)


def _read_enrollment_day(name: str) -> ReadValue:
    return lambda record, _day: to_iso_day(getattr(_find_enrollment(record), name))


def _read_placement(name: str) -> ReadValue:
    return lambda record, _day: getattr(_find_placement(record), name)


def _read_placement_day(name: str) -> ReadValue:
    return lambda record, _day: to_iso_day(getattr(_find_placement(record), name))


def _read_twin(record: CanonicalRecord, _day: str) -> str | None:
    return None if record.multiple_birth is None else "Y" if record.multiple_birth else "N"


_VARIABLES = (
    Variable(
        "birth_date", "birth_date", "Birth date", (_DAY, _MONTH, _YEAR, _FIVE_YEARS, LEFT_OUT),
        lambda record, _day: to_birth_day(record.birth_date),
    ),
    Variable("sex", "sex", "Sex: M, F or X", _WHOLE, lambda record, _day: parse_sex(record.sex)),
    Variable(
        "race", "race", "Races, several with a vertical bar", _WHOLE,
        lambda record, _day: SEPARATOR.join(record.race), "race", is_list=True,
    ),
    Variable(
        "ethnicity", "ethnicity", "Ethnicity", _WHOLE, lambda record, _day: record.ethnicity, "ethnicity"
    ),
    Variable(
        "birth_state", "birth_state", "State of birth", _WHOLE, lambda record, _day: record.birth_state,
        "state",
    ),
    Variable(
        "birth_country", "birth_country", "Birth country", _WHOLE, lambda record, _day: record.birth_country,
        "country",
    ),
    Variable("multiple_birth", "multiple_birth", "Twin or other multiple: Y or N", _WHOLE, _read_twin),
    Variable(
        "death_date", "death_date", "Day of death", _DATE, lambda record, _day: to_iso_day(record.death_date)
    ),
    Variable("county", "county", "County of the home", _WHOLE, _read_address("county"), "county"),
    Variable("state", "state", "State of the home", _WHOLE, _read_address("state"), "state"),
    Variable("postal_code", "postal_code", "ZIP code of the home", _POSTAL, _read_address("postal_code"),
             "postal_code"),
    Variable("school_id", "school_id", "Latest school", _WHOLE, _read_enrollment("school_id"), "school"),
    Variable(
        "district_id", "district_id", "Latest district", _WHOLE,
        _read_enrollment("district_id"), "district",
    ),
    Variable("grade", "grade", "Grade of the latest enrollment", _WHOLE, _read_enrollment("grade"), "grade"),
    Variable(
        "entry_date", "entry_date", "First day of the latest enrollment", _DATE,
        _read_enrollment_day("entry_date"),
    ),
    Variable(
        "exit_date", "exit_date", "Day after the latest enrollment", _DATE, _read_enrollment_day("exit_date")
    ),
    Variable("placements", "placements", "Number of placements", _WHOLE,
             lambda record, _day: f"{len(record.placements)}" if record.placements else None),
    Variable("placement_type", "placements", "Type of the latest placement", _WHOLE, _read_placement("type"),
             "placement_type"),
    Variable(
        "placement_begin", "placements", "First day of the latest placement", _DATE,
        _read_placement_day("begin"),
    ),
    Variable(
        "placement_end", "placements", "Day after the latest placement", _DATE, _read_placement_day("end")
    ),
    Variable("placement_county", "placements", "County of the latest placement", _WHOLE,
             _read_placement("county"), "county"),
)  # fmt: skip
