"""Reader of AFCARS 2020 out-of-home care XML files.

Only a child's record number, birth date, sex, race and removals are read. Circumstances of removal, health,
trafficking, pregnancy, parents' rights and tribal elements stay in the file: an index of identities has no
use for them. Element numbers and codes: AFCARS 2020 final rule, 85 FR 28410.
"""

from calendar import monthrange
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from mpi.domain.errors import FileError
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.xml_stream import XmlFile, read_child_text

Fields = dict[str, object]

FLAG_DEFINITION = "AFCARS 2020"

_TOO_LARGE_DETAIL = "the record is longer than a row may be"
_HEADER_ELEMENTS = ("E1_title_iv_agency", "E2_report_date")
_SENTINEL_YEARS = ("0000", "6666", "7777", "8888", "9999")
_SEX = {"1": "M", "2": "F"}
_RACES = {
    "E13_child_race_american_indian_alaska_native": "AmericanIndianOrAlaskaNative",
    "E14_child_race_asian": "Asian",
    "E15_child_race_black": "BlackOrAfricanAmerican",
    "E16_child_race_native_hawaiian_pacific_islander": "NativeHawaiianOrOtherPacificIslander",
    "E17_child_race_white": "White",
}
"""Race elements, with the race codes of CEDS element 001943."""

_ETHNICITIES = {"0": "NotHispanic", "1": "Hispanic"}
_ABSENCE_TYPES = {"12": "runaway", "13": "whereabouts_unknown"}
"""Codes of E120 for a child who is not where she was placed."""


class AfcarsFile:
    """AFCARS 2020 file (federal foster-care XML), read as canonical rows.

    Args:
        path: the file.

    Raises:
        FileError: it is no XML, or no AFCARS file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = XmlFile(path, record_depth=2)
        if self._records.read_root_name() != "data":
            raise FileError(f"{path.name}: its root element is not AFCARS's data")

    @property
    def position(self) -> int:
        """Number of bytes of the file read so far."""
        return self._records.position

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield a canonical row for each child in the file."""
        agency, as_of = self._read_header()
        for record in self._records.records(frozenset(("record",))):
            if record.element is None:
                yield RejectedRow(record.line, record.offset, "field-too-large", _TOO_LARGE_DETAIL)
            else:
                fields = _read_child(record.element, agency, as_of)
                yield CanonicalRow(record.line, record.offset, fields)

    def _read_header(self) -> tuple[str | None, str | None]:
        """Return the file's agency, and the last day of its report period."""
        texts: dict[str, str | None] = {}
        for record in XmlFile(self._path, record_depth=1).records(frozenset(_HEADER_ELEMENTS)):
            if record.element is not None:
                texts[record.element.tag] = (record.element.text or "").strip() or None
            if len(texts) == len(_HEADER_ELEMENTS):
                break
        return texts.get(_HEADER_ELEMENTS[0]), _parse_period_end(texts.get(_HEADER_ELEMENTS[1]))


def _read_child(record: Element, agency: str | None, as_of: str | None) -> Fields:
    """Return the canonical fields of one child in an AFCARS file."""
    number = read_child_text(record, "E4_child_record_number")
    removals = record.findall("E69_E186_removals/removal_2020")
    fields: Fields = {
        "local_id": number,
        "birth_date": _parse_day(read_child_text(record, "E5_date_of_birth")),
        "sex": _SEX.get(read_child_text(record, "E6_sex") or ""),
        "race": [race for tag, race in _RACES.items() if read_child_text(record, tag) == "1"],
        "ethnicity": _ETHNICITIES.get(read_child_text(record, "E21_child_hispanic_latino") or ""),
        "flags": [flag for removal in removals if (flag := _read_foster_care(removal))],
        "placements": [placement for removal in removals for placement in _read_placements(removal)],
        "as_of": as_of,
    }
    if agency and number:
        identifier = {"system": "afcars_record_number", "assigner": agency, "value": number}
        fields["identifiers"] = [identifier]
    return {name: value for name, value in fields.items() if value}


def _read_foster_care(removal: Element) -> Fields | None:
    """Return the foster-care flag of a child's removal from home."""
    begin = _parse_day(read_child_text(removal, "E69_removal_date"))
    if begin is None:
        return None
    flag: Fields = {"population": "foster_care", "value": "Y", "definition": FLAG_DEFINITION}
    end = _parse_day(read_child_text(removal, "E153_exit_date"))
    return {**flag, "begin": begin, **({"end": end} if end else {})}


def _read_placements(removal: Element) -> Iterator[Fields]:
    """Yield as placements the living arrangements after a removal from home.

    Each ends where the next begins, the last where care ends.
    """
    arrangements = removal.findall("E112_E146_living_arrangements/living_arrangement")
    begins = [
        _parse_day(read_child_text(arrangement, "E112_date_living_arrangement"))
        for arrangement in arrangements
    ]
    ends = [*begins, _parse_day(read_child_text(removal, "E153_exit_date"))][1:]
    county = read_child_text(removal, "E3_local_agency")
    for arrangement, begin, end in zip(arrangements, begins, ends, strict=True):
        fields = {"type": _read_placement_type(arrangement), "begin": begin, "end": end, "county": county}
        yield {name: value for name, value in fields.items() if value}


def _read_placement_type(arrangement: Element) -> str:
    """Return the placement type of a child's living arrangement."""
    if read_child_text(arrangement, "E113_foster_family_home") != "1":
        return _ABSENCE_TYPES.get(
            read_child_text(arrangement, "E120_other_living_arrangement_type") or "", "other"
        )
    home = arrangement.find("E114_E146_foster_family_home_type")
    if read_child_text(home, "E117_relative_foster_family") == "1":
        return "relative_foster_home"
    return "kin_foster_home" if read_child_text(home, "E119_kin_foster_family") == "1" else "foster_home"


def _parse_day(text: str | None) -> str | None:
    """Convert YYYYMMDD to ``YYYY-MM-DD``; None for AFCARS's codes instead of dates.

    An impossible day keeps its parts, for validation to report.
    """
    if text is None or text.startswith(_SENTINEL_YEARS):
        return None
    if len(text) == len("YYYYMMDD") and text.isdecimal():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def _parse_period_end(text: str | None) -> str | None:
    """Return the last day of a report period written YYYYMM."""
    if text is None or len(text) != len("YYYYMM") or not text.isdecimal():
        return None
    year, month = int(text[:4]), int(text[4:])
    if not year or month not in range(1, 13):
        return None
    return f"{text[:4]}-{text[4:]}-{monthrange(year, month)[1]:02}"
