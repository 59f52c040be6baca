"""Rule that decides whether a viewer is a second person.

A second person judges what somebody else has made.

Who was shown the one-time password of an account, or the key of a client, can have acted under that name, so
that two names are one person. Names of the command line are left out: who runs it holds the database, and
adds the first accounts and all clients.
"""

from collections.abc import Collection

from mpi.domain import clock
from mpi.domain.viewer import RESERVED_NAMES
from mpi.storage.unit_of_work.units import ReadUnit

_OWN = "your own"
_SHARED = "by somebody whose password or key you were shown, or who was shown yours"


def find_obstacle(unit: ReadUnit, made_commit: int) -> str | None:
    """Return why the viewer is no second person for a commit.

    The result is None if the viewer is one.

    A later password or key, which somebody else was shown, ends what an earlier one opened.

    Args:
        unit: the viewer's transaction.
        made_commit: number of the commit that somebody else has to approve.
    """
    return find_first_obstacle(unit, {made_commit})


def find_first_obstacle(unit: ReadUnit, made_commits: Collection[int]) -> str | None:
    """Return why the viewer is no second person for some commits.

    The result is None if the viewer is one for each of them.
    """
    viewer = unit.viewer.client
    makers = {number: maker for number, (_, maker, _) in unit.commit_info(set(made_commits)).items()}
    if viewer in makers.values():
        return _OWN
    if not _list_holders(unit, viewer).isdisjoint(makers.values()):
        return _SHARED
    if any(viewer in _list_holders(unit, maker, number) for number, maker in makers.items()):
        return _SHARED
    return None


def find_obstacle_to_person(unit: ReadUnit, name: str) -> str | None:
    """Return why the viewer is no second person for a login.

    The result is None if the viewer is one.

    Args:
        unit: the viewer's transaction.
        name: name of the account or client.
    """
    viewer = unit.viewer.client
    if viewer == name:
        return _OWN
    return _SHARED if viewer in _list_holders(unit, name) or name in _list_holders(unit, viewer) else None


def _list_holders(unit: ReadUnit, login: str, before: int | None = None) -> set[str]:
    """Return who was shown a password or key that opens a login.

    Args:
        unit: the transaction.
        login: name of the account or client.
        before: commit before which it was opened; None for now.
    """
    if login in RESERVED_NAMES:
        return set()
    shown = unit.shown_secrets.last_shown(login, before)
    if not shown:
        return set()
    moment = clock.format_timestamp(clock.now()) if before is None else unit.commit_info({before})[before][0]
    is_former_valid = (shown[0].former_until or "") > moment
    commits = {secret.commit_no for secret in shown[: 1 + is_former_valid]}
    return {holder for _, holder, _ in unit.commit_info(commits).values()} - RESERVED_NAMES
