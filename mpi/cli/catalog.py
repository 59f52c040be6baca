"""Every command with its one line of help and where it is: add yours here."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of commands.

    Args:
        help: one line; the first of the function's docstring.
        target: ``module:function``; None for a group.
    """

    help: str
    target: str | None = None


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("Simulate a small state, resolve it, and tell the story.", "operation.demo:run"),
    "init": Entry("Make a new index and its first API key.", "operation.init:run"),
    "source": Entry("Add and list sources."),
    "source add": Entry("Add a source, whose records then may be loaded.", "access.source:add"),
    "source list": Entry("List the sources.", "access.source:list_all"),
    "source pause": Entry("Hold what a source sends, and link nothing of it.", "access.source:pause"),
    "source resume": Entry("Let what was held take effect.", "access.source:resume"),
    "source consent": Entry(
        "Let what others decide of a source's records wait for its owner.",
        "access.source:ask_owner",
    ),
    "freeze": Entry("Days on which what is decided of a source's records waits."),
    "freeze add": Entry(
        "Name days on which what is decided of a source's records waits.", "stewardship.freeze:add"
    ),
    "freeze list": Entry("List the freeze windows.", "stewardship.freeze:list_all"),
    "freeze lift": Entry("End a freeze window before its time.", "stewardship.freeze:lift_one"),
    "client": Entry("Add, list and revoke clients of the API."),
    "client add": Entry("Add a client of the API and show its key, this once.", "access.client:add"),
    "client list": Entry("List the clients of the API and what each may do.", "access.client:list_all"),
    "client revoke": Entry("End a client's key: its next call is refused.", "access.client:revoke"),
    "account": Entry("Add, list, change and end accounts of people who sign in."),
    "account add": Entry("Add an account and show a password that opens it once.", "access.account:add"),
    "account list": Entry("List the accounts and what each person is here for.", "access.account:list_all"),
    "account change": Entry("Give a person another role or sources.", "access.account:change"),
    "account password": Entry("Give an account a password that opens it once.", "access.account:password"),
    "account unlock": Entry("Let a person try again who was locked out.", "access.account:unlock"),
    "account end": Entry("End an account and its sign-ins.", "access.account:end"),
    "ingest": Entry("Load a file of one source's records.", "files.ingest:run"),
    "load": Entry("Take loads back."),
    "load undo": Entry("Take a load back, whatever came since.", "files.load:undo"),
    "resolve": Entry("Take one record from standard input; answer its ID.", "matching.resolve:run"),
    "import": Entry("Take over what another system knew."),
    "import crosswalk": Entry(
        "Take over the IDs of another system, which stay known.", "files.crosswalk_import:crosswalk"
    ),
    "rekey": Entry("Give records of a source new local IDs, all at once.", "files.rekey:run"),
    "search": Entry("Find who a record on standard input might be.", "persons.search:run"),
    "recluster": Entry("Think the whole index through, as a plan first.", "matching.recluster:run"),
    "simulate": Entry("Try other thresholds on the live index, storing nothing.", "matching.simulate:run"),
    "proposal": Entry("Re-cluster as a proposal: make, read, apply, reject, roll back."),
    "proposal make": Entry(
        "Think the whole index through, as a proposal to be read.", "matching.proposal:make"
    ),
    "proposal show": Entry("List proposals, or read one with its items.", "matching.proposal:show"),
    "proposal apply": Entry(
        "Carry a proposal out, whole or in part; the rest is held.", "matching.proposal:apply"
    ),
    "proposal reject": Entry("Say no to a proposal.", "matching.proposal:reject"),
    "proposal rollback": Entry(
        "Take an applied proposal back; what came since stays.", "matching.proposal:rollback"
    ),
    "hold": Entry("Computed changes that wait for a person."),
    "hold list": Entry("List computed changes that wait for a person.", "matching.proposal:list_holds"),
    "hold release": Entry("Let a held change happen.", "matching.proposal:release"),
    "hold refuse": Entry("Say no to a held change, as a steward's decision.", "matching.proposal:refuse"),
    "person": Entry("Look up an enterprise ID.", "persons.person:run"),
    "lineage": Entry("List every change of an enterprise ID's records.", "persons.lineage:run"),
    "golden": Entry("Show what is known of a person, and by which record and rule.", "persons.golden:run"),
    "correct": Entry("Correct a value of a person, whatever its records state.", "persons.golden:correct"),
    "explain": Entry("Tell why records are one person, or two records are not.", "persons.explain:run"),
    "crosswalk": Entry("Tell the enterprise ID of one source record.", "files.crosswalk:run"),
    "decide": Entry("Decide that records are one person, or not, or unsure.", "stewardship.decide:run"),
    "decisions": Entry("List decisions, or show one with its evidence.", "stewardship.decide:show"),
    "tasks": Entry("List what waits for a steward, or show one question.", "review.tasks:run"),
    "merge": Entry("Make two or more persons one.", "stewardship.merge:merge"),
    "split": Entry("Part one person's records into several persons.", "stewardship.merge:split"),
    "move": Entry("Move records from one person to another.", "stewardship.merge:move"),
    "undo": Entry("Take a decision, merge, split or move back.", "stewardship.merge:undo"),
    "approve": Entry("Give the second word on a step that waits for one.", "stewardship.merge:approve"),
    "consent": Entry(
        "Consent to a step, or refuse it, as an owner of a source.", "stewardship.pending_steps:answer"
    ),
    "waiting": Entry(
        "List what waits for a second approver or for an owner.", "stewardship.pending_steps:show"
    ),
    "export": Entry("Write what the index knows to a file."),
    "export crosswalk": Entry("Write all enterprise IDs as CSV.", "files.export:crosswalk"),
    "export labels": Entry("Write what stewards decided, as pairs to fit a model by.", "files.labels:run"),
    "report": Entry("Show figures about the index.", "review.report:run"),
    "quality": Entry("Show how good the index and its stewards are, and what waits.", "review.quality:run"),
    "sample": Entry("Draw this month's pairs for blind review; once a month.", "review.quality:sample"),
    "serve": Entry("Serve the API and pages on this machine.", "operation.serve:run"),
    "db": Entry("Check and upgrade the database."),
    "db upgrade": Entry("Bring the database to this version.", "operation.db:upgrade"),
    "db check": Entry("Check the database against this version.", "operation.db:check"),
    "db restored": Entry(
        "Say that the database came from a backup, to those who follow it.", "operation.db:restored"
    ),
    "blocks": Entry(
        "Blocking keys that many records share, and requests that wait because of one.",
        "operation.blocks:run",
    ),
    "verify": Entry("Check the laws on the live index, reading only.", "operation.verify:run"),
    "rebuild": Entry("Make everything derived again, with the same IDs.", "operation.rebuild:run"),
}
"""By what is typed after ``mpi``, in the order of ``mpi --help``."""
