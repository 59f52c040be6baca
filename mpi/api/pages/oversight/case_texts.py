"""Texts that the pages of cases share.

They are names of systems, titles of fields and places of errors.
"""

from collections.abc import Collection, Mapping

from mpi.api.pages.rendering.page_texts import title_fields
from mpi.api.pages.rendering.record_values import format_value
from mpi.api.pages.session.page_context import Visit
from mpi.domain.errors import MpiError
from mpi.domain.viewer import Action
from mpi.service.core.index import Index
from mpi.service.legal.own_sources import list_own_sources


def find_system_name(index: Index, visit: Visit, source: str, actions: Collection[Action]) -> str:
    """Return the name of a source for people, else its code.

    Args:
        index: the open index.
        visit: the visit of the page.
        source: code of the source.
        actions: actions of which the viewer may perform one on the source.
    """
    names = {each.code: each.name for each in list_own_sources(index, visit.viewer, *actions)}
    return names.get(source, source)


def list_titled_fields(fields: frozenset[str]) -> list[tuple[str, str]]:
    """Return fields with their titles, by title."""
    return sorted(zip(fields, title_fields(fields), strict=True), key=lambda each: (each[1], each[0]))


def format_fields(values: Mapping[str, object]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return a record's values as texts, by title of the field."""
    return tuple(
        (title, tuple(format_value(field, item) for item in _to_list(values[field])))
        for field, title in list_titled_fields(frozenset(values))
    )


def locate_error(
    error: MpiError, fields: Collection[str], renamed: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return the form's field that an error names, and the error.

    Args:
        error: what was wrong; its text begins with a field's name and a colon where it is about one.
        fields: fields of the form.
        renamed: field of the form by the name that an error gives.

    Returns:
        The field, empty where the error names none, and the text of the error.
    """
    name = str(error).partition(":")[0]
    name = (renamed or {}).get(name, name)
    return (name if name in fields else "", str(error))


def _to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
