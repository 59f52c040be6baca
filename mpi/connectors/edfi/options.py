"""Options of a connection to an Ed-Fi API."""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.connectors.connection import Connection
from mpi.domain.errors import InputError

LARGEST_PAGE = 500
"""Most items of a page; the limit of an API whose operator changed nothing."""

PARTS = ("descriptions", "contacts", "enrollments", "programs")
"""What may be read of students besides the students themselves."""

_DEFAULT_PARTS = ("descriptions", "contacts", "enrollments")
_DEFAULT_OVERLAP = 1_000
_DEFAULT_MOST_STUDENTS = 5_000
_LARGEST_NUMBER = 1_000_000


@dataclass(frozen=True, slots=True)
class EdfiOptions:
    """What a connection says about an Ed-Fi API.

    Args:
        parts: some of PARTS.
        page_size: items that are asked for at once.
        use_snapshot: whether to read a snapshot, where the API's host keeps one.
        overlap: change versions before the end of the last pull that are read again. A write that was not
            committed when the last pull read its version is found so.
        most_students: number of changed students beyond which all are read, which is then faster.
        data_path: path of the resources; empty for the one that the API states.
        changes_path: path of the change versions; empty for the one that the API states.
        id_system: descriptor of the identification system under which enterprise IDs are written back;
            empty for none. What the API holds under it is not read.
        id_organization: education organization that is named as the one that assigns them.
    """

    parts: tuple[str, ...] = _DEFAULT_PARTS
    page_size: int = LARGEST_PAGE
    use_snapshot: bool = False
    overlap: int = _DEFAULT_OVERLAP
    most_students: int = _DEFAULT_MOST_STUDENTS
    data_path: str = ""
    changes_path: str = ""
    id_system: str = ""
    id_organization: str = ""


def read_options(connection: Connection) -> EdfiOptions:
    """Return the options of a connection.

    Raises:
        InputError: one is unknown or wrong; the message names it.
    """
    connection.check_options(frozenset(EdfiOptions.__slots__))
    reader = _OptionReader(connection.name, connection.options)
    options = EdfiOptions(
        parts=reader.read_parts(),
        page_size=reader.read_number("page_size", LARGEST_PAGE, 1, LARGEST_PAGE),
        use_snapshot=reader.read_flag("use_snapshot"),
        overlap=reader.read_number("overlap", _DEFAULT_OVERLAP, 0, _LARGEST_NUMBER),
        most_students=reader.read_number("most_students", _DEFAULT_MOST_STUDENTS, 0, _LARGEST_NUMBER),
        data_path=reader.read_path("data_path"),
        changes_path=reader.read_path("changes_path"),
        id_system=reader.read_text("id_system"),
        id_organization=reader.read_text("id_organization"),
    )
    if options.id_system and "#" not in options.id_system:
        raise InputError(
            f"{connection.name}: options.id_system: a descriptor such as "
            "uri://mpi.example.org/StudentIdentificationSystemDescriptor#Enterprise ID"
        )
    return options


class _OptionReader:
    """Reader of the values of options.

    Args:
        name: name of the connection, for messages.
        values: the options.
    """

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        self._name = name
        self._values = values

    def read_parts(self) -> tuple[str, ...]:
        parts = self._values.get("parts", list(_DEFAULT_PARTS))
        if not isinstance(parts, list) or not all(part in PARTS for part in parts):
            raise self._make_error("parts", f"a list of {', '.join(PARTS)}")
        return tuple(part for part in PARTS if part in parts)

    def read_number(self, key: str, default: int, least: int, most: int) -> int:
        value = self._values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._make_error(key, f"a number from {least} to {most:,}")
        return value

    def read_flag(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self._make_error(key, "true or false")
        return value

    def read_text(self, key: str) -> str:
        value = self._values.get(key, "")
        if not isinstance(value, str):
            raise self._make_error(key, "a text")
        return value.strip()

    def read_path(self, key: str) -> str:
        path = self.read_text(key)
        if path and not path.startswith("/"):
            raise self._make_error(key, "a path below the url, such as /data/v3")
        return path.rstrip("/")

    def _make_error(self, key: str, wanted: str) -> InputError:
        return InputError(f"{self._name}: options.{key}: {wanted}")
