"""Repository of API clients and the hashes of their keys."""

from dataclasses import dataclass, replace
from functools import lru_cache

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, update

from mpi.domain.viewer import Action
from mpi.storage.tables import AgreementStepRow, AnyRow, ClientRow, table_of

_client = table_of(ClientRow)
_step = table_of(AgreementStepRow)

_TERMS_NO = (
    select(func.max(_step.c.commit_no))
    .where(_step.c.code == _client.c.agreement)
    .scalar_subquery()
    .label("terms_no")
)
CLIENT_COLUMNS = (
    _client.c.name,
    _client.c.actions,
    _client.c.sources,
    _client.c.agreement,
    _client.c.party,
    _client.c.expires_on,
    _TERMS_NO,
)
"""Columns of which ``client_of`` builds a client."""

_RECORDS = select(
    *CLIENT_COLUMNS,
    _client.c.created_commit,
    _client.c.revoked_commit,
    _client.c.key_hash,
    _client.c.former_key_until,
    _client.c.token_subject,
)

# A module constant, since every call runs it.
_BY_KEY = select(*CLIENT_COLUMNS).where(
    _client.c.key_hash == bindparam("key_hash"), _client.c.revoked_commit.is_(None)
)
_BY_SUBJECT = select(*CLIENT_COLUMNS).where(
    _client.c.token_subject == bindparam("subject"), _client.c.revoked_commit.is_(None)
)
_BY_FORMER_KEY = select(*CLIENT_COLUMNS).where(
    _client.c.former_key_hash == bindparam("key_hash"),
    _client.c.former_key_until > bindparam("now"),
    _client.c.revoked_commit.is_(None),
)


@dataclass(frozen=True, slots=True)
class Client:
    """An API client with its permitted actions and sources.

    Args:
        name: name of the client.
        actions: actions that it may perform.
        sources: codes of the sources that it may see; None for all.
        agreement: code of the agreement that it acts under; None for none.
        terms_no: commit number of the last step of that agreement, which changes with its terms and state;
            None where it had none.
        party: code of the agreement's party for which it acts; None where its sources name it.
        expires_on: first day (ISO) on which its key opens nothing; None for no such day.
    """

    name: str
    actions: frozenset[Action]
    sources: frozenset[str] | None
    agreement: str | None = None
    terms_no: int | None = None
    party: str | None = None
    expires_on: str | None = None


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """An API client with the history of its key.

    Args:
        client: the client.
        created_commit: commit number of its creation.
        revoked_commit: commit number of the revocation of its key; None while it is valid.
        key_hash: hash of its key, which names the key's version.
        former_key_until: until when the key before the last rotation opens the index (ISO, UTC); None where
            there is none.
        token_subject: its name at the trusted token issuer; None for none.
    """

    client: Client
    created_commit: int
    revoked_commit: int | None
    key_hash: str
    former_key_until: str | None
    token_subject: str | None = None


class Clients:
    """Repository of API clients."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, number: int, client: Client, key_hash: str, commit_no: int) -> None:
        """Add an API client; only the hash of its key is stored."""
        sources = None if client.sources is None else orjson.dumps(sorted(client.sources)).decode()
        self._connection.execute(
            insert(_client).values(
                id=number,
                name=client.name,
                key_hash=key_hash,
                actions=orjson.dumps(sorted(client.actions)).decode(),
                sources=sources,
                created_commit=commit_no,
                agreement=client.agreement,
                party=client.party,
            )
        )

    def find_by_key(self, key_hash: str) -> Client | None:
        """Return the API client with an unrevoked key's hash, or None."""
        row = self._connection.execute(_BY_KEY, {"key_hash": key_hash}).first()
        return None if row is None else client_of(row)

    def find_by_former_key(self, key_hash: str, now: str) -> Client | None:
        """Return the API client whose rotated key still works, or None.

        Args:
            key_hash: hash of the key before the rotation.
            now: present moment (ISO, UTC).
        """
        row = self._connection.execute(_BY_FORMER_KEY, {"key_hash": key_hash, "now": now}).first()
        return None if row is None else client_of(row)

    def find_by_subject(self, subject: str) -> Client | None:
        """Return the unrevoked client of an issuer's name, or None."""
        row = self._connection.execute(_BY_SUBJECT, {"subject": subject}).first()
        return None if row is None else client_of(row)

    def set_subject(self, name: str, subject: str | None) -> None:
        """Set an API client's name at the token issuer; None for none."""
        self._connection.execute(update(_client).where(_client.c.name == name).values(token_subject=subject))

    def find_by_name(self, name: str) -> ClientRecord | None:
        """Return the API client of a name, revoked or not, or None."""
        row = self._connection.execute(_RECORDS.where(_client.c.name == name)).first()
        return None if row is None else _record_of(row)

    def records(self) -> list[ClientRecord]:
        """Return every API client ever added, with its key history.

        The clients are sorted by name.
        """
        return [_record_of(row) for row in self._connection.execute(_RECORDS.order_by(_client.c.name))]

    def set_key(self, name: str, key_hash: str, former_until: str | None) -> None:
        """Give an API client another key.

        Args:
            name: name of the client.
            key_hash: hash of the new key.
            former_until: until when the present key still opens the index (ISO, UTC); None to end it now.
        """
        former_hash = None if former_until is None else _client.c.key_hash
        self._connection.execute(
            update(_client)
            .where(_client.c.name == name)
            .values(key_hash=key_hash, former_key_hash=former_hash, former_key_until=former_until)
        )

    def set_expiry(self, name: str, expires_on: str | None) -> None:
        """Set the first day on which an API client's key opens nothing."""
        self._connection.execute(update(_client).where(_client.c.name == name).values(expires_on=expires_on))

    def active(self) -> list[Client]:
        """Return the API clients whose key is not revoked, by name."""
        rows = self._connection.execute(
            select(*CLIENT_COLUMNS).where(_client.c.revoked_commit.is_(None)).order_by(_client.c.name)
        )
        return [client_of(row) for row in rows]

    def all_with_commits(self) -> list[tuple[Client, int, int | None]]:
        """Return every API client ever added, with creation and revocation commits."""
        commits = (_client.c.created_commit, _client.c.revoked_commit)
        rows = self._connection.execute(select(*CLIENT_COLUMNS, *commits).order_by(_client.c.name))
        return [(client_of(row), row.created_commit, row.revoked_commit) for row in rows]

    def set_agreement(self, name: str, agreement: str, party: str | None = None) -> bool:
        """Set the agreement, and its party, that an API client acts for.

        Returns:
            False if no client of that name has a valid key.
        """
        result = self._connection.execute(
            update(_client)
            .where(_client.c.name == name, _client.c.revoked_commit.is_(None))
            .values(agreement=agreement, party=party)
        )
        return result.rowcount == 1

    def revoke(self, name: str, commit_no: int) -> bool:
        """Revoke an API client's key; return False if none is active."""
        result = self._connection.execute(
            update(_client)
            .where(_client.c.name == name, _client.c.revoked_commit.is_(None))
            .values(revoked_commit=commit_no)
        )
        return result.rowcount == 1


def client_of(row: AnyRow) -> Client:
    """Build an API client from ``CLIENT_COLUMNS`` of a row."""
    return _parse_client(
        row.name, row.actions, row.sources, row.agreement, row.terms_no, row.party, row.expires_on
    )


def narrow_client(client: Client, actions: frozenset[Action]) -> Client:
    """Return a client with only those of its actions that are named."""
    return replace(client, actions=client.actions & actions)


def _record_of(row: AnyRow) -> ClientRecord:
    """Build an API client with its history from a row of ``_RECORDS``."""
    return ClientRecord(
        client_of(row),
        row.created_commit,
        row.revoked_commit,
        row.key_hash,
        row.former_key_until,
        row.token_subject,
    )


@lru_cache(1_000)
def _parse_client(
    name: str,
    actions: str,
    sources: str | None,
    agreement: str | None,
    terms_no: int | None,
    party: str | None,
    expires_on: str | None,
) -> Client:
    """Build an API client from row values, cached to save repeated parsing."""
    return Client(
        name,
        frozenset(Action(action) for action in orjson.loads(actions)),
        None if sources is None else frozenset(orjson.loads(sources)),
        agreement,
        terms_no,
        party,
        expires_on,
    )
