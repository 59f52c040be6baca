"""Commands ``mpi account …``: accounts of people who sign in."""

import getpass
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table, show_facts
from mpi.domain.errors import InputError
from mpi.domain.roles import Role
from mpi.domain.viewer import ACTIONS_GRANTED_TO_PEOPLE

_NAME = "1 to 64 lower-case letters, digits, '_', '-' or '.'."

NameArgument = Annotated[str, typer.Argument(help="The account.")]
RoleOption = Annotated[Role, typer.Option(help="Role of the person.")]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE", help="A source whose records the person sees; may be repeated."),
]
AllSourcesFlag = Annotated[bool, typer.Option("--all-sources", help="All sources, also those added later.")]
PartyOption = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The party to act for, where the sources are of several parties."),
]
AskFlag = Annotated[bool, typer.Option("--ask", help="Ask for the password instead of showing a random one.")]


def add(
    name: Annotated[str, typer.Argument(help=_NAME)],
    role: RoleOption,
    full_name: Annotated[str, typer.Option(help="Full name of the person.")],
    source: SourceOption = None,
    all_sources: AllSourcesFlag = False,
    ask: AskFlag = False,
    agreement: Annotated[
        str | None, typer.Option(metavar="CODE", help="The agreement to act under; house by default.")
    ] = None,
    party: PartyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add an account and show its initial password once.

    The person must set a password before doing anything else. The initial password expires after seven
    days. In the shared index of several scopes you must name the agreement.
    """
    from mpi.service.access.accounts import new_accounts

    sources = _check_sources(role, source, all_sources=all_sources)
    typed_password = _read_password() if ask else None
    with open_session() as session:
        new = new_accounts.NewAccount(name, full_name, role, sources, agreement, party)
        new_password = new_accounts.add_account(session.index, session.viewer, new, typed_password)
    _show_password(name, None if ask else new_password, as_json=as_json)


def list_all(as_json: JsonFlag = False) -> None:
    """List the accounts and their roles."""
    from mpi.service.access.accounts import account_list

    with open_session(for_look_up=True) as session:
        accounts = [asdict(account) for account in account_list.list_accounts(session.index, session.viewer)]
    if as_json:
        print_json(accounts)
        return
    print_table(
        (
            "account",
            "full name",
            "role",
            "granted by name",
            "sources",
            "agreement",
            "party",
            "state",
            "since",
            "locked until",
            "one-time codes",
            "ended",
        ),
        [
            (
                row["name"],
                row["full_name"],
                str(row["role"]),
                row["granted"],
                "all" if row["sources"] is None else row["sources"],
                row["agreement"],
                row["party"] or "",
                str(row["state"]),
                row["since"][:19],
                (row["locked_until"] or "")[:19],
                "yes" if row["has_second_factor"] else "",
                (row["ended"] or "")[:19],
            )
            for row in accounts
        ],
    )


def change(
    name: NameArgument,
    role: RoleOption,
    source: SourceOption = None,
    all_sources: AllSourcesFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Change the role and sources of an account.

    Name all sources: a source that is not named is taken away. The person is signed out everywhere.
    """
    from mpi.service.access.accounts import account_rights

    sources = _check_sources(role, source, all_sources=all_sources)
    with open_session() as session:
        account_rights.change_account(session.index, session.viewer, name, role, sources)
    show_facts({"account": name, "role": str(role), "sources": sources}, as_json=as_json)


def bind(
    name: NameArgument,
    agreement: Annotated[str, typer.Option(metavar="CODE", help="The agreement to act under.")],
    party: PartyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bind an account to another agreement.

    The person is signed out everywhere.
    """
    from mpi.service.access.accounts import account_rights

    with open_session() as session:
        account_rights.bind_account(session.index, session.viewer, name, agreement, party)
    show_facts({"account": name, "agreement": agreement, "party": party}, as_json=as_json)


def grant(
    name: NameArgument,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE", help=f"May be repeated: {', '.join(sorted(ACTIONS_GRANTED_TO_PEOPLE))}."
        ),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Take away all that was granted by name.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Grant an account actions by name.

    Name all: what is not named is taken away. The person is signed out everywhere.
    """
    from mpi.service.access.accounts import account_rights

    if bool(scope) == none:
        raise InputError("name what is granted with --scope, or give --none")
    granted = sorted(set(scope or ()))
    with open_session() as session:
        account_rights.grant_actions(session.index, session.viewer, name, granted)
    show_facts({"account": name, "granted": granted}, as_json=as_json)


def password(name: NameArgument, ask: AskFlag = False, as_json: JsonFlag = False) -> None:
    """Set a new initial password for an account.

    The account is unlocked and signed out everywhere. The person must set a password before doing anything
    else.
    """
    from mpi.service.access.accounts import sign_in_resets

    typed_password = _read_password() if ask else None
    with open_session() as session:
        new_password = sign_in_resets.set_password(session.index, session.viewer, name, typed_password)
    _show_password(name, None if ask else new_password, as_json=as_json)


def unlock(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Unlock an account."""
    from mpi.service.access.accounts import sign_in_resets

    with open_session() as session:
        sign_in_resets.unlock_account(session.index, session.viewer, name)
    show_facts({"account": name, "unlocked": True}, as_json=as_json)


def reset_second_factor(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Remove the one-time codes of a person who lost them.

    The person is signed out everywhere, and signs in with the password alone.
    """
    from mpi.service.access.accounts import sign_in_resets

    with open_session() as session:
        sign_in_resets.reset_second_factor(session.index, session.viewer, name)
    show_facts({"account": name, "second factor": "none"}, as_json=as_json)


def link(
    name: NameArgument,
    subject: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="The person's sub at the identity provider.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Nobody at the provider.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a person sign in with the identity provider."""
    from mpi.service.access import single_sign_on

    if (subject is None) != none:
        raise InputError("give the person's sub at the provider with --subject, or --none")
    with open_session() as session:
        single_sign_on.link_account(session.index, session.viewer, name, subject)
    show_facts({"account": name, "subject": subject or "none"}, as_json=as_json)


def end(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Close an account and sign its user out.

    The name is never given again, because commits and the disclosure ledger contain it.
    """
    from mpi.service.access.accounts import account_end

    with open_session() as session:
        account_end.end_account(session.index, session.viewer, name)
    show_facts({"account": name, "ended": True}, as_json=as_json)


def _check_sources(role: Role, source: list[str] | None, *, all_sources: bool) -> list[str] | None:
    """Return the sources that an account may see; None for all.

    Refuse both or neither of named sources and the option for all.
    """
    if bool(source) == all_sources:
        raise InputError(f"name the sources of a {role} with --source, or give --all-sources")
    return None if all_sources else source


def _read_password() -> str:
    """Read a password from the terminal (twice) or standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed_password = getpass.getpass("Password, to be changed at the first sign-in: ")
    if getpass.getpass("Once more: ") != typed_password:
        raise InputError("the two passwords are not the same")
    return typed_password


def _show_password(name: str, new_password: str | None, *, as_json: bool) -> None:
    """Print an account's initial password and its conditions."""
    show_facts(
        {"account": name} if new_password is None else {"account": name, "password": new_password},
        as_json=as_json,
    )
    if new_password is not None and not as_json:
        print_note("the password is shown this once; it opens the account for seven days, to set another")
