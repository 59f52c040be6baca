"""Command ``mpi tokens make``: a token file from an agency's own file."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.commands.files.ingest import Format
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import write_private_file
from mpi.cli.progress import report_rows_read, show_progress
from mpi.domain import clock
from mpi.domain.errors import InputError, RecordError
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.standardize.tokens.rules import TokenRule

if TYPE_CHECKING:
    from mpi.domain.keyed_hash import TokenExchange
    from mpi.intake.rows import CanonicalRow, RejectedRow
    from mpi.standardize.token_rows import TokenMaker


def make(
    file: Annotated[Path, typer.Argument(help="The agency's own file, in clear text.")],
    *,
    out: Annotated[Path, typer.Option(help="File to write: a JSON object for each record.")],
    exchange: Annotated[
        str | None, typer.Option(help="Code of the exchange; the only one by default.")
    ] = None,
    mapping: Annotated[
        str | None, typer.Option(help="Mapping file, or the name of a shipped one, as of mpi ingest.")
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="File format, as of mpi ingest.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Field to write in clear text; may be repeated. birth_year too."),
    ] = None,
    rule: Annotated[
        list[TokenRule] | None, typer.Option(help="Rule whose tokens are written; all by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a file of linkage tokens from an agency's own file.

    It needs no index: only the secret of the exchange. The file has the local ID, the tokens and the fields
    that --keep names, and nothing else. Load it with mpi ingest.
    """
    from mpi.intake import mapping_reader, reader
    from mpi.standardize.token_rows import TokenMaker

    maker = TokenMaker(
        _choose_exchange(exchange),
        frozenset(rule or TokenRule),
        frozenset(keep or ()),
        KeyedHash(secrets.token_bytes(SECRET_BYTES)),
    )
    layout = None if mapping is None else mapping_reader.load_mapping(mapping)
    rejected: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    with show_progress() as report:
        rows = report_rows_read(reader.open_file(file, layout, file_format), report)
        token_rows = _make_rows(rows, maker, rejected, by_rule)
        count = write_private_file(out, lambda text: _write_lines(text, token_rows))
    _show(count, rejected, by_rule, as_json=as_json)
    if not count and rejected:
        raise typer.Exit(ExitCode.ALL_REJECTED)


def _choose_exchange(code: str | None) -> TokenExchange:
    """Return the exchange that the options name, with its secret."""
    from mpi.key_material import find_exchange_secrets, read_exchanges

    settings = read_settings()
    exchanges = {each.code: each for each in read_exchanges(settings)}
    place = find_exchange_secrets(settings).place
    if not exchanges:
        raise InputError(
            f"{place} holds no secret of an exchange: write CODE:SECRET there, or set another file"
        )
    if code is None and len(exchanges) > 1:
        raise InputError(f"--exchange: name one of {', '.join(exchanges)}")
    chosen = exchanges.get(code or next(iter(exchanges)))
    if chosen is None:
        raise InputError(f"--exchange: {place} holds no secret of that exchange")
    return chosen


def _make_rows(
    rows: Iterator[CanonicalRow | RejectedRow],
    maker: TokenMaker,
    rejected: Counter[str],
    by_rule: Counter[str],
) -> Iterator[dict[str, object]]:
    """Yield the token file's rows, and count rejected rows and tokens."""
    from mpi.intake.rows import RejectedRow

    now = clock.now()
    for row in rows:
        if isinstance(row, RejectedRow):
            rejected[row.reason] += 1
            continue
        try:
            token_row = maker.make_row(row.fields, now)
        except RecordError as error:
            rejected[f"{error.field}: {error.reason}"] += 1
            continue
        tokens = token_row["linkage_tokens"]
        if isinstance(tokens, list):
            by_rule.update(token["rule"] for token in tokens)
        yield token_row


def _write_lines(file: TextIO, rows: Iterator[dict[str, object]]) -> int:
    """Write each row as a line of JSON."""
    import orjson

    count = 0
    for row in rows:
        file.write(f"{orjson.dumps(row, default=str).decode()}\n")
        count += 1
    return count


def _show(count: int, rejected: Counter[str], by_rule: Counter[str], *, as_json: bool) -> None:
    tokens = {rule.value: by_rule[rule.value] for rule in TokenRule}
    if as_json:
        print_json({"records": count, "rejected": dict(rejected), "tokens": tokens})
        return
    print_facts(
        {
            "records": count,
            "rejected": rejected.total(),
            **{f"tokens {rule}": n for rule, n in tokens.items()},
        }
    )
    for reason, number in sorted(rejected.items()):
        print_note(f"{number} rejected: {reason}")
