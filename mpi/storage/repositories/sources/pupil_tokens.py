"""Repository of keyed tokens of dropped rows."""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import PupilTokensRow, table_of

_tokens = table_of(PupilTokensRow)
_PAGE_ROWS = 50_000
_PAGE = (
    select(_tokens.c.pupil, _tokens.c.tokens)
    .where(_tokens.c.source_id == bindparam("source"), _tokens.c.pupil > bindparam("after"))
    .order_by(_tokens.c.pupil)
    .limit(_PAGE_ROWS)
)
_LOWEST_NUMBER = -(2**63)


class PupilTokens:
    """Repository of keyed tokens of dropped rows, by source and pupil."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, source_id: int, tokens: Mapping[int, bytes]) -> None:
        """Store the tokens of pupils, instead of earlier ones."""
        stored = self._find(source_id, tokens)
        changed = {pupil: own for pupil, own in tokens.items() if stored.get(pupil) != own}
        self.delete(source_id, changed.keys() & stored.keys())
        rows = [
            {"source_id": source_id, "pupil": pupil, "tokens": own} for pupil, own in sorted(changed.items())
        ]
        if rows:
            self._connection.execute(insert(_tokens), rows)

    def delete(self, source_id: int, pupils: Collection[int]) -> None:
        """Delete the tokens of pupils, if there are any."""
        for chunk in iter_chunks(pupils):
            condition = (_tokens.c.source_id == source_id, is_in(_tokens.c.pupil, chunk))
            self._connection.execute(delete(_tokens).where(*condition))

    def delete_all(self, source_id: int) -> None:
        """Delete all tokens of a source."""
        self._connection.execute(delete(_tokens).where(_tokens.c.source_id == source_id))

    def count(self, source_id: int) -> int:
        """Count the pupils of a source of whom tokens are stored."""
        query = select(func.count()).select_from(_tokens).where(_tokens.c.source_id == source_id)
        return int(self._connection.execute(query).scalar_one())

    def iterate(self, source_id: int) -> Iterator[list[tuple[int, bytes]]]:
        """Yield pages of pupils of a source with their tokens."""
        last_pupil = _LOWEST_NUMBER
        while page := [
            (row.pupil, row.tokens)
            for row in self._connection.execute(_PAGE, {"source": source_id, "after": last_pupil})
        ]:
            yield page
            last_pupil = page[-1][0]

    def _find(self, source_id: int, pupils: Collection[int]) -> dict[int, bytes]:
        stored: dict[int, bytes] = {}
        for chunk in iter_chunks(pupils):
            condition = (_tokens.c.source_id == source_id, is_in(_tokens.c.pupil, chunk))
            rows = self._connection.execute(select(_tokens.c.pupil, _tokens.c.tokens).where(*condition))
            stored.update({row.pupil: row.tokens for row in rows})
        return stored
