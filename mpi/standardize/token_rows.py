"""Rows of a token file, made from an agency's readable rows.

An agency runs this on its own machine. What it does not name as kept is not written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mpi.domain.errors import InputError
from mpi.domain.keyed_hash import KeyedHash, TokenExchange
from mpi.domain.record import SENT_FIELDS
from mpi.standardize.birth_dates import parse_birth_dates
from mpi.standardize.fields import codes
from mpi.standardize.fields.scalars import parse_text
from mpi.standardize.name.person_names import parse_person_names
from mpi.standardize.record_validation import validate_record
from mpi.standardize.ssn import find_valid_ssn
from mpi.standardize.tokens.record_tokens import read_token_values
from mpi.standardize.tokens.rules import TokenRule, make_tokens

BIRTH_YEAR = "birth_year"
"""Name of the year of birth among the fields to keep."""
NAMING_FIELDS = frozenset((
    "first_name", "middle_name", "last_name", "preferred_name", "other_names", "ssn", "ssn_last4",
    "linkage_tokens", "guardian_first_name", "guardian_last_name", "guardians",
))  # fmt: skip
"""Fields that a token file never holds in clear text."""
KEEPABLE_FIELDS = frozenset((*SENT_FIELDS, BIRTH_YEAR)) - NAMING_FIELDS - {"local_id"}
"""Fields that an agency may keep in clear text beside its tokens."""


@dataclass(frozen=True, slots=True)
class TokenMaker:
    """Maker of the rows of a token file.

    Args:
        exchange: the exchange, with its secret.
        rules: the rules whose tokens are written.
        kept: fields that are written in clear text beside the local ID.
        keyed_hash: a keyed hash that validation needs; what it makes is not written.

    Raises:
        InputError: a field may not be kept, or is none.
    """

    exchange: TokenExchange
    rules: frozenset[TokenRule]
    kept: frozenset[str]
    keyed_hash: KeyedHash

    def __post_init__(self) -> None:
        for field in sorted(self.kept - KEEPABLE_FIELDS):
            known = field in SENT_FIELDS
            why = "names a child: a token file does not hold it" if known else "is not a field of a record"
            raise InputError(f"{field!r} {why}")

    def make_row(self, fields: Mapping[str, object], now: datetime) -> dict[str, object]:
        """Make the row of a record: local ID, kept fields and tokens.

        Args:
            fields: canonical fields of the record in clear text.
            now: the present time.

        Raises:
            RecordError: the record cannot be used; names the field, the reason, and no value.
        """
        record = validate_record(fields, self.keyed_hash, now).record
        birth_dates = parse_birth_dates(record)
        names = parse_person_names(record)
        row: dict[str, object] = {"local_id": record.local_id}
        row |= {name: fields[name] for name in SENT_FIELDS if name in self.kept and name in fields}
        if BIRTH_YEAR in self.kept and birth_dates.year is not None:
            row.setdefault("birth_date", str(birth_dates.year))
        values = read_token_values(
            record,
            birth_date=birth_dates.day,
            sex=codes.parse_sex(record.sex),
            ssn=find_valid_ssn(parse_text("ssn", fields.get("ssn"))),
        )
        if names.given is None or names.surname is None:
            values = values._replace(first_name=None, last_name=None)
        row["linkage_tokens"] = [
            {"exchange": self.exchange.code, "rule": rule.value, "token": token}
            for rule, token in make_tokens(values, self.exchange.secret).items()
            if rule in self.rules
        ]
        return row
