"""Repository of keyed tokens of dropped rows."""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import PupilTokensRow, table_of

_tokens = table_of(PupilTokensRow)
_PAGE_ROWS = 50_000
_PAGE = (
    select(_tokens.c.pupil, _tokens.c.tokens, _tokens.c.token_keys)
    .where(_tokens.c.source_id == bindparam("source"), _tokens.c.pupil > bindparam("after"))
    .order_by(_tokens.c.pupil)
    .limit(_PAGE_ROWS)
)
_REWRITE = (
    update(_tokens)
    .where(_tokens.c.source_id == bindparam("own_source"), _tokens.c.pupil == bindparam("own_pupil"))
    .values(tokens=bindparam("tokens"), token_keys=bindparam("token_keys"))
)
_LOWEST_NUMBER = -(2**63)


class PupilTokens:
    """Repository of keyed tokens of dropped rows, by source and pupil."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, source_id: int, tokens: Mapping[int, bytes], token_keys: str) -> None:
        """Store the tokens of pupils, instead of earlier ones.

        Args:
            source_id: number of the source.
            tokens: tokens by pupil.
            token_keys: label of the keys that made them, see ``PupilTokensRow``.
        """
        stored = self._find(source_id, tokens)
        # Equal tokens of other keys are stored anew too: their label says which keys are still needed.
        changed = {pupil: own for pupil, own in tokens.items() if stored.get(pupil) != (own, token_keys)}
        self.delete(source_id, changed.keys() & stored.keys())
        rows = [
            {"source_id": source_id, "pupil": pupil, "tokens": own, "token_keys": token_keys}
            for pupil, own in sorted(changed.items())
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

    def iterate(self, source_id: int) -> Iterator[list[tuple[int, bytes, str]]]:
        """Yield pages of a source's pupils, with tokens and their keys' label."""
        last_pupil = _LOWEST_NUMBER
        while page := [
            (row.pupil, row.tokens, row.token_keys)
            for row in self._connection.execute(_PAGE, {"source": source_id, "after": last_pupil})
        ]:
            yield page
            last_pupil = page[-1][0]

    def count_by_keys(self) -> dict[tuple[str, int], int]:
        """Count pupils by the label of their tokens' keys and the source."""
        query = select(_tokens.c.token_keys, _tokens.c.source_id, func.count()).group_by(
            _tokens.c.token_keys, _tokens.c.source_id
        )
        return {(label, source): count for label, source, count in self._connection.execute(query)}

    def page_of_keys(self, label: str, most: int) -> list[tuple[int, int, bytes]]:
        """Return sources, pupils and tokens of rows with a label."""
        query = (
            select(_tokens.c.source_id, _tokens.c.pupil, _tokens.c.tokens)
            .where(_tokens.c.token_keys == label)
            .limit(most)
        )
        return [(row.source_id, row.pupil, row.tokens) for row in self._connection.execute(query)]

    def rewrite(self, rows: Collection[tuple[int, int, bytes]], label: str) -> None:
        """Store new tokens of the same pupils, with their label."""
        if rows:
            self._connection.execute(
                _REWRITE,
                [
                    {"own_source": source, "own_pupil": pupil, "tokens": tokens, "token_keys": label}
                    for source, pupil, tokens in rows
                ],
            )

    def _find(self, source_id: int, pupils: Collection[int]) -> dict[int, tuple[bytes, str]]:
        stored: dict[int, tuple[bytes, str]] = {}
        columns = (_tokens.c.pupil, _tokens.c.tokens, _tokens.c.token_keys)
        for chunk in iter_chunks(pupils):
            condition = (_tokens.c.source_id == source_id, is_in(_tokens.c.pupil, chunk))
            rows = self._connection.execute(select(*columns).where(*condition))
            stored.update({row.pupil: (row.tokens, row.token_keys) for row in rows})
        return stored
