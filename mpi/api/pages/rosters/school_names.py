"""Names of schools before their IDs, for pages of lists and enrollments."""

from mpi.service.rosters.school_directory import SchoolDirectory


class SchoolNamer:
    """Names schools and districts by the operator's directory.

    Args:
        directory: names by ID.
    """

    def __init__(self, directory: SchoolDirectory) -> None:
        self._directory = directory

    def __call__(self, school_id: str | None, district_id: str | None = None) -> str:
        """Return a school's name with its ID, or the ID alone."""
        values = {"school_id": school_id, "district_id": district_id}
        named = self._directory.add_names(values)
        return str(named.get("school_id") or "")

    def name_district(self, district_id: str | None) -> str:
        """Return a district's name with its ID, or the ID alone."""
        return str(self._directory.add_names({"district_id": district_id}).get("district_id") or "")
