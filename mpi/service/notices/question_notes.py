"""Notes on a review question, and whom they mention.

A person is mentioned by ``@`` and the name of the account. Only who may see all of the question can be
mentioned, because the note is shown to the person.
"""

import re
from collections.abc import Collection

from mpi.domain.errors import InputError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note
from mpi.service.notices.colleagues import Colleague, find_colleagues
from mpi.service.review.work_state import load_target, record_action
from mpi.storage.unit_of_work.database import Lock

NOTE_ACTION = "note"
"""Name of a note in the history of a question."""
MAX_MENTIONS = 20
"""Most people whom one note mentions."""
_MENTION = re.compile(r"(?<![\w@.])@([a-z0-9_.-]+)", re.IGNORECASE)
_PUNCTUATION = ".-"


def list_mentionable(index: Index, viewer: Viewer, key: str) -> tuple[Colleague, ...]:
    """Return the people whom a note on an open question can mention.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        return find_colleagues(unit, index, Action.TASK_READ, load_target(unit, key).snapshot)


def add_note(index: Index, viewer: Viewer, key: str, text: str) -> tuple[str, ...]:
    """Add a note to an open question and tell the mentioned people.

    Args:
        index: the open index.
        viewer: who writes the note.
        key: key of the question or burst.
        text: the note.

    Returns:
        Names of the accounts that are mentioned.

    Raises:
        InputError: the note is empty or too long, or mentions somebody who may not see the question.
        NotFoundError: there is no such open question for this viewer.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    note = check_note(text.strip())
    if note is None:
        raise InputError("note: write a note")
    with index.database.write(viewer, "task", Lock.NONE) as unit:
        target = load_target(unit, key)
        names = {person.name for person in find_colleagues(unit, index, Action.TASK_READ, target.snapshot)}
        people = find_mentions(note, names)
        number = record_action(unit, target.key, NOTE_ACTION, target.records, target.snapshot, note=note)
        unit.notice_marks.mention(number, people)
    disclose(index, viewer, Action.TASK_WORK, target.records, ("source", "local_id"))
    return people


def find_mentions(note: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the people whom a note mentions, by name.

    A mail address mentions nobody. A full stop or hyphen after a name is no part of it.

    Raises:
        InputError: a mention names nobody of ``names``, or there are more than ``MAX_MENTIONS``. The message
            does not tell which, nor whether the person has an account.
    """
    mentioned = set()
    for typed in _MENTION.findall(note):
        name = typed.lower() if typed.lower() in names else typed.lower().rstrip(_PUNCTUATION)
        if name not in names:
            raise InputError(
                "note: a name after @ is of nobody who may see this question: choose a person of the list"
            )
        mentioned.add(name)
    if len(mentioned) > MAX_MENTIONS:
        raise InputError(f"note: mention at most {MAX_MENTIONS} people")
    return tuple(sorted(mentioned))
