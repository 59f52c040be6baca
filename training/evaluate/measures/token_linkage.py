"""Accuracy of linkage tokens beside clear text, between two parties.

One party's records are those of one source; all others are the other party's. A link or match is counted
where it joins a record of the one party to a record of the other. Every way sees the same records.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash, TokenExchange
from mpi.matching.model.match_model import MatchModel
from mpi.matching.model.token_comparison import compare_tokens
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from mpi.standardize.token_rows import BIRTH_YEAR, TokenMaker
from mpi.standardize.tokens.rules import TokenRule
from training.evaluate.model_clusters import group_by_cluster, partition_records, score_records
from training.records import KEYED_HASH, RecordRow

_EXCHANGE = TokenExchange("evaluation", b"a secret of an evaluation, no more")
_HASH = KeyedHash(KEYED_HASH.secret, KEYED_HASH.token_key, exchanges=(_EXCHANGE,))
_TOKEN_FIELDS = ("first_name", "last_name", "birth_date", "sex", "postal_code", "ssn")
_SURE_COLUMNS = ("tokens_place", "tokens_name", "tokens_number")


@dataclass(frozen=True, slots=True)
class _Way:
    """A way in which two parties send their records.

    Args:
        name: what a reader reads.
        one: what the one party sends: ``all``, ``fields`` (those that tokens are made of) or ``tokens``.
        other: the same of the other party.
        kept: fields in clear text beside the tokens.
    """

    name: str
    one: str
    other: str
    kept: frozenset[str] = frozenset()


_KEPT = frozenset({BIRTH_YEAR, "sex"})
_WAYS = (
    _Way("clear text of both, all fields", "all", "all"),
    _Way("clear text of both, the fields of tokens", "fields", "fields"),
    _Way("tokens of one, with year and sex; clear text of the other", "tokens", "all", _KEPT),
    _Way("tokens of one alone; clear text of the other", "tokens", "all"),
    _Way("tokens of both alone", "tokens", "tokens"),
)


@dataclass(frozen=True, slots=True)
class TokenLinkage:
    """Links of a way between two parties.

    Args:
        way: how the parties send their records.
        matches: pairs of records of one child, one record of each party.
        links: pairs that were linked.
        right: links that are matches.
        questions: pairs for clerical review.
    """

    way: str
    matches: int
    links: int
    right: int
    questions: int | None = None

    @property
    def precision(self) -> float:
        """Share of the links that are right."""
        return self.right / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """Share of the matches that are linked."""
        return self.right / self.matches if self.matches else 1.0


def measure_token_linkage(
    model: MatchModel, rows: Sequence[RecordRow], truth: Mapping[int, Hashable], party: str
) -> Iterator[TokenLinkage]:
    """Yield the linkage of each way to send clear text or tokens.

    Args:
        model: model that links clear text.
        rows: all records.
        truth: true person, by position of the row.
        party: source of the one party's records.
    """
    own = {number for number, row in enumerate(rows) if row.source == party}
    with_tokens = compare_tokens(model)
    for way in _WAYS:
        records = list(_standardize(rows, way, own))
        if way is _WAYS[-1]:
            yield _count(
                "equal tokens T2, T3 or T4, no model", _join_equal_tokens(records, own), truth, records, own
            )
        result = partition_records(score_records(with_tokens, records), model.thresholds)
        groups = group_by_cluster(result.clusters).values()
        links = {
            (left, right)
            for members in groups
            for left in own.intersection(members)
            for right in members
            if right not in own
        }
        questions = sum((left in own) != (right in own) for left, right in result.tasks)
        yield _count(way.name, links, truth, records, own, questions)


def _standardize(
    rows: Sequence[RecordRow], way: _Way, own: Collection[int]
) -> Iterator[tuple[int, Features]]:
    """Yield the features of each record as its party sends it."""
    now = clock.now()
    maker = TokenMaker(_EXCHANGE, frozenset(TokenRule), way.kept, _HASH)
    for number, row in enumerate(rows):
        sent = way.one if number in own else way.other
        fields: Mapping[str, object] = {"local_id": str(number), **row.fields}
        try:
            if sent == "tokens":
                fields = maker.make_row(fields, now)
            elif sent == "fields":
                fields = {name: fields[name] for name in ("local_id", *_TOKEN_FIELDS) if name in fields}
            record = validate_record(fields, _HASH, now).record
        except RecordError:
            continue
        yield number, standardize(record, row.source, _HASH)


def _join_equal_tokens(records: Sequence[tuple[int, Features]], own: Collection[int]) -> set[tuple[int, int]]:
    """Return the pairs that share a full-name token or SSN token."""
    holders: dict[str, tuple[list[int], list[int]]] = {}
    for number, features in records:
        for column in _SURE_COLUMNS:
            for token in getattr(features, column):
                holders.setdefault(token, ([], []))[number not in own].append(number)
    return {(left, right) for ours, theirs in holders.values() for left in ours for right in theirs}


def _count(
    way: str,
    links: Collection[tuple[int, int]],
    truth: Mapping[int, Hashable],
    records: Sequence[tuple[int, Features]],
    own: Collection[int],
    questions: int | None = None,
) -> TokenLinkage:
    """Count links and matches between the parties."""
    people: dict[Hashable, list[int]] = {}
    for number, _ in records:
        people.setdefault(truth[number], [0, 0])[number not in own] += 1
    matches = sum(ours * theirs for ours, theirs in people.values())
    right = sum(truth[left] == truth[right] for left, right in links)
    return TokenLinkage(way, matches, len(links), right, questions)
