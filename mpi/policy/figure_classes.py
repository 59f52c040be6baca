"""Classes of figures: who may see them, and how exact they are."""

from enum import StrEnum


class FigureClass(StrEnum):
    """Class of a report or figure, which every route and report declares."""

    NAMED = "named"
    """Exact and current: the caller's own children, or a caller who may read every record, by agreement."""
    PUBLISHED = "published"
    """Daily, rounded, suppressed and late, so that one record moves no figure that can be seen."""
