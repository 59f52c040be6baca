"""Commands ``mpi keys …``: show, encrypt, rotate and drop."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress

if TYPE_CHECKING:
    from mpi.service.maintenance.payload_encryption import EncryptionResult
    from mpi.service.maintenance.token_rotation import TokenKeyResult, TokenKeyStatus


class KeyKind(StrEnum):
    """Kind of key that can be rotated."""

    PAYLOAD = "payload"
    TOKEN = "token"  # noqa: S105 - a kind of key


class DroppedKind(StrEnum):
    """Kind of key whose earlier ones a command drops."""

    TOKEN = "token"  # noqa: S105 - a kind of key


def status(as_json: JsonFlag = False) -> None:
    """Show which keys the index uses, never a key itself."""
    from mpi.service.maintenance import payload_encryption, token_rotation

    with open_session(for_look_up=True) as session:
        found = payload_encryption.describe_keys(session.index, session.viewer)
        tokens = token_rotation.describe_token_keys(session.index, session.viewer)
    facts = {
        "encrypted": bool(found.keys),
        "payload_keys": [{"number": key.number, "state": key.state.value} for key in found.keys],
        "payload_keys_from": found.place,
        "token_key": "own" if found.has_token_key else "secret",
        "token_keys": list(tokens.in_force),
        "token_keys_from": tokens.place,
        "records_to_send": tokens.records_to_send,
        "dropped_rows_to_send": tokens.rows_to_send,
        "rotation_interrupted": tokens.unfinished > 0,
    }
    if as_json:
        print_json(facts)
        return
    print_table(("payload key", "state"), [(key.number, key.state.value) for key in found.keys])
    print_facts({"payload keys from": found.place, "token key": facts["token_key"]})
    _show_token_keys(tokens)
    if not found.keys:
        print_note("stored content is readable: run mpi keys encrypt")


def encrypt(as_json: JsonFlag = False) -> None:
    """Encrypt the stored content of an index that is not encrypted.

    Other processes may use the index meanwhile, if they run this version. Run it again if it was interrupted.
    """
    from mpi.service.maintenance import payload_encryption

    with open_session(for_look_up=True) as session, show_progress() as report:
        result = payload_encryption.encrypt_index(session.index, session.viewer, report)
    _show(result, as_json=as_json)
    if not as_json:
        print_note("back up the payload keys apart from the database: it cannot be read without them")


def rotate(
    kind: Annotated[KeyKind, typer.Argument(metavar="KIND", help="Which key: payload or token.")],
    as_json: JsonFlag = False,
) -> None:
    """Replace the payload key or the token key by a new one.

    A new payload key encrypts everything; a new token key makes all tokens and blocking keys. Other
    processes may use the index meanwhile. Run it again if it was interrupted. A token key is not replaced
    while the drop after an earlier rotation has yet to run in the shared index or in a scope.
    """
    from mpi import bootstrap
    from mpi.service.maintenance import payload_encryption, token_rotation

    if kind is KeyKind.TOKEN:
        with open_session() as session, show_progress() as report:
            others = bootstrap.read_token_keys_of_others(session.settings, session.index)
            in_force = {scope: keys.in_force for scope, keys in others.items()}
            tokens = token_rotation.rotate_token_key(session.index, session.viewer, report, in_force)
        _show_token_result(tokens, as_json=as_json)
        if not as_json:
            print_note("back up the token keys; mpi keys status tells when the earlier ones may go")
        return
    with open_session(for_look_up=True) as session, show_progress() as report:
        result = payload_encryption.rotate_payload_key(session.index, session.viewer, report)
    _show(result, as_json=as_json)
    if not as_json:
        print_note("keep the earlier keys as long as a backup from before this rotation may be restored")


def backup(
    file: Annotated[Path, typer.Argument(help="New file for the private key; keep it off this machine.")],
    as_json: JsonFlag = False,
) -> None:
    """Make the pair of keys that closes and opens backups.

    The public key closes them: it is printed, and goes into MPI_BACKUP_RECIPIENTS. Who has the private key
    opens every backup that was made for it, and nobody does without it.
    """
    from mpi.storage.backup.archive import make_key_pair

    public_key = make_key_pair(file)
    if as_json:
        print_json({"public_key": public_key, "private_key_file": str(file)})
    else:
        print_facts({"public key": public_key, "private key": str(file)})
        print_note("keep the private key apart from the index and from the backups, in two places")


def drop(
    _kind: Annotated[DroppedKind, typer.Argument(metavar="KIND", help="Which keys: token.")],
    as_json: JsonFlag = False,
) -> None:
    """Delete the token keys that nothing needs any more.

    It is refused while a source has not sent all of its records again since the rotation, and while changes
    of a scope wait for a sync. It runs in the shared index first. A key that the shared index or a scope
    needs is kept until the command has run there. Run it again if it was interrupted.
    """
    from mpi import bootstrap
    from mpi.service.maintenance import token_key_drop

    with open_session() as session, show_progress() as report:
        others = bootstrap.read_token_keys_of_others(session.settings, session.index)
        result = token_key_drop.drop_token_keys(session.index, session.viewer, report, others)
    _show_token_result(result, as_json=as_json)
    if result.kept and not as_json:
        print_note(
            f"another index of this folder needs {', '.join(map(str, result.kept))} still: run mpi keys drop "
            "token for each scope, and for the shared index"
        )
    if not (as_json or result.are_deleted):
        print_note("the keys come from elsewhere than a file: delete the dropped ones there")


def _show_token_keys(tokens: TokenKeyStatus) -> None:
    """Print the token keys in force, and what the earlier ones await."""
    print_facts({"token keys": ", ".join(map(str, tokens.in_force)), "token keys from": tokens.place})
    waiting = sorted(tokens.records_to_send.keys() | tokens.rows_to_send.keys())
    if waiting:
        print_table(
            ("source", "records to send again", "dropped rows to send again"),
            [
                (source, tokens.records_to_send.get(source, 0), tokens.rows_to_send.get(source, 0))
                for source in waiting
            ],
        )
    if tokens.unfinished:
        print_note("the rotation of the token key was interrupted: run mpi keys rotate token")
    elif len(tokens.in_force) > 1 and not tokens.records_to_send:
        print_note("no record needs the earlier token keys: run mpi keys drop token")


def _show_token_result(result: TokenKeyResult, *, as_json: bool) -> None:
    facts = {
        "in_force": list(result.in_force),
        "moved": result.moved,
        "rows": result.rows,
        "dropped": list(result.dropped),
        "kept": list(result.kept),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(
            {
                "token keys": ", ".join(map(str, result.in_force)),
                "records that changed person": result.moved,
                "dropped rows written": result.rows,
                "dropped keys": ", ".join(map(str, result.dropped)) or "none",
            }
        )


def _show(result: EncryptionResult, *, as_json: bool) -> None:
    facts = {"key": result.key, "written": result.written, "retired": list(result.retired)}
    if as_json:
        print_json(facts)
    else:
        retired = ", ".join(map(str, result.retired)) or "none"
        print_facts({"payload key": result.key, "values written": result.written, "retired keys": retired})
