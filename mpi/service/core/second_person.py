"""Rule that decides whether a viewer is a second person.

A second person judges what somebody else has made.

Who confirmed a request for an account or a password was shown the one-time password of that account. They can
have signed in with it, so that two names are one person.
"""

from mpi.storage.unit_of_work.units import ReadUnit


def find_obstacle(unit: ReadUnit, made_commit: int) -> str | None:
    """Return why the viewer is no second person for a commit.

    The result is None if the viewer is one.

    A later password, which somebody else confirmed, ends what an earlier one opened.

    Args:
        unit: the viewer's transaction.
        made_commit: number of the commit that somebody else has to approve.
    """
    viewer = unit.viewer.client
    maker = unit.commit_info({made_commit})[made_commit][1]
    if viewer == maker:
        return "your own"
    if _saw_password(unit, viewer, maker, made_commit) or _saw_password(unit, maker, viewer, None):
        return "by somebody whose password you were shown, or who was shown yours"
    return None


def _saw_password(unit: ReadUnit, name: str, account: str, before: int | None) -> bool:
    """Return whether a person saw an account's last one-time password.

    Args:
        unit: the transaction.
        name: the person.
        account: name of the account.
        before: only passwords of earlier commits count; None for all.
    """
    commit = unit.account_requests.last_password_commit(account, before)
    return commit is not None and unit.commit_info({commit})[commit][1] == name
