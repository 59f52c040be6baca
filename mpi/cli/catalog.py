"""Every command with its one line of help and where it is: add yours here."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A command, or a group of commands.

    Args:
        help: one line; the first of the function's docstring.
        target: ``module:function``; None for a group.
    """

    help: str
    target: str | None = None


COMMANDS: Mapping[str, CatalogEntry] = {
    "demo": CatalogEntry("Simulate a small state, resolve it, and tell the story.", "operation.demo:run"),
    "init": CatalogEntry("Make a new index and its first API key.", "operation.init:run"),
    "source": CatalogEntry("Add and list sources."),
    "source add": CatalogEntry("Add a source, whose records then may be loaded.", "access.source:add"),
    "source list": CatalogEntry("List the sources.", "access.source:list_all"),
    "source pause": CatalogEntry("Hold what a source sends, and link nothing of it.", "access.source:pause"),
    "source resume": CatalogEntry("Let what was held take effect.", "access.source:resume"),
    "source consent": CatalogEntry(
        "Let what others decide of a source's records wait for its owner.",
        "access.source:ask_owner",
    ),
    "freeze": CatalogEntry("Days on which what is decided of a source's records waits."),
    "freeze add": CatalogEntry(
        "Name days on which what is decided of a source's records waits.", "stewardship.freeze:add"
    ),
    "freeze list": CatalogEntry("List the freeze windows.", "stewardship.freeze:list_all"),
    "freeze lift": CatalogEntry("End a freeze window before its time.", "stewardship.freeze:lift_one"),
    "client": CatalogEntry("Add, list and revoke clients of the API."),
    "client add": CatalogEntry("Add a client of the API and show its key, this once.", "access.client:add"),
    "client list": CatalogEntry(
        "List the clients of the API and what each may do.", "access.client:list_all"
    ),
    "client revoke": CatalogEntry("End a client's key: its next call is refused.", "access.client:revoke"),
    "account": CatalogEntry("Add, list, change and end accounts of people who sign in."),
    "account add": CatalogEntry(
        "Add an account and show a password that opens it once.", "access.account:add"
    ),
    "account list": CatalogEntry(
        "List the accounts and what each person is here for.", "access.account:list_all"
    ),
    "account change": CatalogEntry("Give a person another role or sources.", "access.account:change"),
    "account password": CatalogEntry(
        "Give an account a password that opens it once.", "access.account:password"
    ),
    "account unlock": CatalogEntry("Let a person try again who was locked out.", "access.account:unlock"),
    "account end": CatalogEntry("End an account and its sign-ins.", "access.account:end"),
    "ingest": CatalogEntry("Load a file of one source's records.", "files.ingest:run"),
    "load": CatalogEntry("Take loads back."),
    "load undo": CatalogEntry("Take a load back, whatever came since.", "files.load:undo"),
    "resolve": CatalogEntry("Take one record from standard input; answer its ID.", "matching.resolve:run"),
    "import": CatalogEntry("Take over what another system knew."),
    "import crosswalk": CatalogEntry(
        "Take over the IDs of another system, which stay known.", "files.crosswalk_import:crosswalk"
    ),
    "rekey": CatalogEntry("Give records of a source new local IDs, all at once.", "files.rekey:run"),
    "search": CatalogEntry("Find who a record on standard input might be.", "persons.search:run"),
    "recluster": CatalogEntry("Think the whole index through, as a plan first.", "matching.recluster:run"),
    "simulate": CatalogEntry(
        "Try other thresholds on the live index, storing nothing.", "matching.simulate:run"
    ),
    "proposal": CatalogEntry("Re-cluster as a proposal: make, read, apply, reject, roll back."),
    "proposal make": CatalogEntry(
        "Think the whole index through, as a proposal to be read.", "matching.proposal:make"
    ),
    "proposal show": CatalogEntry("List proposals, or read one with its items.", "matching.proposal:show"),
    "proposal apply": CatalogEntry(
        "Carry a proposal out, whole or in part; the rest is held.", "matching.proposal:apply"
    ),
    "proposal reject": CatalogEntry("Say no to a proposal.", "matching.proposal:reject"),
    "proposal rollback": CatalogEntry(
        "Take an applied proposal back; what came since stays.", "matching.proposal:rollback"
    ),
    "hold": CatalogEntry("Computed changes that wait for a person."),
    "hold list": CatalogEntry(
        "List computed changes that wait for a person.", "matching.proposal:list_holds"
    ),
    "hold release": CatalogEntry("Let a held change happen.", "matching.proposal:release"),
    "hold refuse": CatalogEntry(
        "Say no to a held change, as a steward's decision.", "matching.proposal:refuse"
    ),
    "person": CatalogEntry("Look up an enterprise ID.", "persons.person:run"),
    "lineage": CatalogEntry("List every change of an enterprise ID's records.", "persons.lineage:run"),
    "golden": CatalogEntry(
        "Show what is known of a person, and by which record and rule.", "persons.golden:run"
    ),
    "correct": CatalogEntry(
        "Correct a value of a person, whatever its records state.", "persons.golden:correct"
    ),
    "explain": CatalogEntry(
        "Tell why records are one person, or two records are not.", "persons.explain:run"
    ),
    "crosswalk": CatalogEntry("Tell the enterprise ID of one source record.", "files.crosswalk:run"),
    "decide": CatalogEntry(
        "Decide that records are one person, or not, or unsure.", "stewardship.decide:run"
    ),
    "decisions": CatalogEntry("List decisions, or show one with its evidence.", "stewardship.decide:show"),
    "tasks": CatalogEntry("List what waits for a steward, or show one question.", "review.tasks:run"),
    "merge": CatalogEntry("Make two or more persons one.", "stewardship.merge:merge"),
    "split": CatalogEntry("Part one person's records into several persons.", "stewardship.merge:split"),
    "move": CatalogEntry("Move records from one person to another.", "stewardship.merge:move"),
    "undo": CatalogEntry("Take a decision, merge, split or move back.", "stewardship.merge:undo"),
    "approve": CatalogEntry(
        "Give the second word on a step that waits for one.", "stewardship.merge:approve"
    ),
    "consent": CatalogEntry(
        "Consent to a step, or refuse it, as an owner of a source.", "stewardship.pending_steps:answer"
    ),
    "waiting": CatalogEntry(
        "List what waits for a second approver or for an owner.", "stewardship.pending_steps:show"
    ),
    "export": CatalogEntry("Write what the index knows to a file."),
    "export crosswalk": CatalogEntry("Write all enterprise IDs as CSV.", "files.export:crosswalk"),
    "export labels": CatalogEntry(
        "Write what stewards decided, as pairs to fit a model by.", "files.labels:run"
    ),
    "report": CatalogEntry("Show figures about the index.", "review.report:run"),
    "quality": CatalogEntry(
        "Show how good the index and its stewards are, and what waits.", "review.quality:run"
    ),
    "sample": CatalogEntry(
        "Draw this month's pairs for blind review; once a month.", "review.quality:sample"
    ),
    "serve": CatalogEntry("Serve the API and pages on this machine.", "operation.serve:run"),
    "db": CatalogEntry("Check and upgrade the database."),
    "db upgrade": CatalogEntry("Bring the database to this version.", "operation.db:upgrade"),
    "db check": CatalogEntry("Check the database against this version.", "operation.db:check"),
    "db restored": CatalogEntry(
        "Say that the database came from a backup, to those who follow it.", "operation.db:restored"
    ),
    "blocks": CatalogEntry(
        "Blocking keys that many records share, and requests that wait because of one.",
        "operation.blocks:run",
    ),
    "verify": CatalogEntry("Check the laws on the live index, reading only.", "operation.verify:run"),
    "rebuild": CatalogEntry("Make everything derived again, with the same IDs.", "operation.rebuild:run"),
}
"""By what is typed after ``mpi``, in the order of ``mpi --help``."""
