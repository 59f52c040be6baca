"""The end of a user account."""

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.account_rules import require_other_operator
from mpi.service.access.accounts.open_accounts import find_account_to_change
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.splits import ACCOUNT


def end_account(index: Index, viewer: Viewer, name: str, version: str | None = None) -> None:
    """Close a user account for good and end its sessions at once.

    The questions that it claimed or was assigned go back to the queue.

    Args:
        index: the open index.
        viewer: who ends it.
        name: name of the account.
        version: state of the account that the viewer read; None for any.

    Raises:
        NotFoundError: the account does not exist or has ended.
        ConflictError: it is in the index of a scope, the viewer's own, or the last operator's.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: the viewer may not administer accounts.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "account-end") as unit:
        unit.splits.release_login(ACCOUNT, name)
        account = find_account_to_change(unit, viewer, name, version)
        require_other_operator(unit, viewer, account)
        unit.accounts.close(account.id, unit.commit_no)
        unit.past_passwords.delete(account.id)
        unit.second_factors.delete(account.id)
        unit.sign_in_networks.delete(account.id)
        unit.sign_ins.end_all_of_account(account.id)
        unit.task_work.release_all_of(name)
        log_change(unit, Subject.ACCOUNT, name, "end")
