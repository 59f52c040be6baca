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
    "demo": Entry("Simulate a small state, resolve it, and tell the story.", "mpi.cli.commands.operation.demo:run"),
    "init": Entry("Make a new index and its first API key.", "mpi.cli.commands.operation.init:run"),
    "source": Entry("Add and list sources."),
    "source add": Entry("Add a source, whose records then may be loaded.", "mpi.cli.commands.access.source:add"),
    "source list": Entry("List the sources.", "mpi.cli.commands.access.source:list_all"),
    "source pause": Entry(
        "Hold what a source sends, and link nothing of it.", "mpi.cli.commands.access.source:pause"
    ),
    "source resume": Entry("Let what was held take effect.", "mpi.cli.commands.access.source:resume"),
    "source consent": Entry(
        "Let what others decide of a source's records wait for its owner.",
        "mpi.cli.commands.access.source:ask_owner",
    ),
    "freeze": Entry("Days on which what is decided of a source's records waits."),
    "freeze add": Entry(
        "Name days on which what is decided of a source's records waits.", "mpi.cli.commands.stewardship.freeze:add"
    ),
    "freeze list": Entry("List the freeze windows.", "mpi.cli.commands.stewardship.freeze:list_all"),
    "freeze lift": Entry("End a freeze window before its time.", "mpi.cli.commands.stewardship.freeze:lift_one"),
    "client": Entry("Add, list and revoke clients of the API."),
    "client add": Entry(
        "Add a client of the API and show its key, this once.", "mpi.cli.commands.access.client:add"
    ),
    "client list": Entry(
        "List the clients of the API and what each may do.", "mpi.cli.commands.access.client:list_all"
    ),
    "client revoke": Entry(
        "End a client's key: its next call is refused.", "mpi.cli.commands.access.client:revoke"
    ),
    "account": Entry("Add, list, change and end accounts of people who sign in."),
    "account add": Entry(
        "Add an account and show a password that opens it once.", "mpi.cli.commands.access.account:add"
    ),
    "account list": Entry(
        "List the accounts and what each person is here for.", "mpi.cli.commands.access.account:list_all"
    ),
    "account change": Entry("Give a person another role or sources.", "mpi.cli.commands.access.account:change"),
    "account password": Entry(
        "Give an account a password that opens it once.", "mpi.cli.commands.access.account:password"
    ),
    "account unlock": Entry(
        "Let a person try again who was locked out.", "mpi.cli.commands.access.account:unlock"
    ),
    "account end": Entry("End an account and its sign-ins.", "mpi.cli.commands.access.account:end"),
    "ingest": Entry("Load a file of one source's records.", "mpi.cli.commands.files.ingest:run"),
    "load": Entry("Take loads back."),
    "load undo": Entry("Take a load back, whatever came since.", "mpi.cli.commands.files.load:undo"),
    "resolve": Entry("Take one record from standard input; answer its ID.", "mpi.cli.commands.matching.resolve:run"),
    "import": Entry("Take over what another system knew."),
    "import crosswalk": Entry(
        "Take over the IDs of another system, which stay known.", "mpi.cli.commands.files.crosswalk_import:crosswalk"
    ),
    "rekey": Entry("Give records of a source new local IDs, all at once.", "mpi.cli.commands.files.rekey:run"),
    "search": Entry("Find who a record on standard input might be.", "mpi.cli.commands.persons.search:run"),
    "recluster": Entry("Think the whole index through, as a plan first.", "mpi.cli.commands.matching.recluster:run"),
    "simulate": Entry(
        "Try other thresholds on the live index, storing nothing.", "mpi.cli.commands.matching.simulate:run"
    ),
    "proposal": Entry("Re-cluster as a proposal: make, read, apply, reject, roll back."),
    "proposal make": Entry(
        "Think the whole index through, as a proposal to be read.", "mpi.cli.commands.matching.proposal:make"
    ),
    "proposal show": Entry("List proposals, or read one with its items.", "mpi.cli.commands.matching.proposal:show"),
    "proposal apply": Entry(
        "Carry a proposal out, whole or in part; the rest is held.", "mpi.cli.commands.matching.proposal:apply"
    ),
    "proposal reject": Entry("Say no to a proposal.", "mpi.cli.commands.matching.proposal:reject"),
    "proposal rollback": Entry(
        "Take an applied proposal back; what came since stays.", "mpi.cli.commands.matching.proposal:rollback"
    ),
    "hold": Entry("Computed changes that wait for a person."),
    "hold list": Entry(
        "List computed changes that wait for a person.", "mpi.cli.commands.matching.proposal:list_holds"
    ),
    "hold release": Entry("Let a held change happen.", "mpi.cli.commands.matching.proposal:release"),
    "hold refuse": Entry(
        "Say no to a held change, as a steward's decision.", "mpi.cli.commands.matching.proposal:refuse"
    ),
    "person": Entry("Look up an enterprise ID.", "mpi.cli.commands.persons.person:run"),
    "lineage": Entry("List every change of an enterprise ID's records.", "mpi.cli.commands.persons.lineage:run"),
    "golden": Entry(
        "Show what is known of a person, and by which record and rule.", "mpi.cli.commands.persons.golden:run"
    ),
    "correct": Entry(
        "Correct a value of a person, whatever its records state.", "mpi.cli.commands.persons.golden:correct"
    ),
    "explain": Entry(
        "Tell why records are one person, or two records are not.", "mpi.cli.commands.persons.explain:run"
    ),
    "crosswalk": Entry("Tell the enterprise ID of one source record.", "mpi.cli.commands.files.crosswalk:run"),
    "decide": Entry("Decide that records are one person, or not, or unsure.", "mpi.cli.commands.stewardship.decide:run"),
    "decisions": Entry("List decisions, or show one with its evidence.", "mpi.cli.commands.stewardship.decide:show"),
    "tasks": Entry("List what waits for a steward, or show one question.", "mpi.cli.commands.review.tasks:run"),
    "merge": Entry("Make two or more persons one.", "mpi.cli.commands.stewardship.merge:merge"),
    "split": Entry("Part one person's records into several persons.", "mpi.cli.commands.stewardship.merge:split"),
    "move": Entry("Move records from one person to another.", "mpi.cli.commands.stewardship.merge:move"),
    "undo": Entry("Take a decision, merge, split or move back.", "mpi.cli.commands.stewardship.merge:undo"),
    "approve": Entry(
        "Give the second word on a step that waits for one.", "mpi.cli.commands.stewardship.merge:approve"
    ),
    "consent": Entry(
        "Consent to a step, or refuse it, as an owner of a source.", "mpi.cli.commands.stewardship.pending_steps:answer"
    ),
    "waiting": Entry(
        "List what waits for a second approver or for an owner.", "mpi.cli.commands.stewardship.pending_steps:show"
    ),
    "export": Entry("Write what the index knows to a file."),
    "export crosswalk": Entry("Write all enterprise IDs as CSV.", "mpi.cli.commands.files.export:crosswalk"),
    "export labels": Entry(
        "Write what stewards decided, as pairs to fit a model by.", "mpi.cli.commands.files.labels:run"
    ),
    "report": Entry("Show figures about the index.", "mpi.cli.commands.review.report:run"),
    "quality": Entry(
        "Show how good the index and its stewards are, and what waits.", "mpi.cli.commands.review.quality:run"
    ),
    "sample": Entry(
        "Draw this month's pairs for blind review; once a month.", "mpi.cli.commands.review.quality:sample"
    ),
    "serve": Entry("Serve the API and pages on this machine.", "mpi.cli.commands.operation.serve:run"),
    "db": Entry("Check and upgrade the database."),
    "db upgrade": Entry("Bring the database to this version.", "mpi.cli.commands.operation.db:upgrade"),
    "db check": Entry("Check the database against this version.", "mpi.cli.commands.operation.db:check"),
    "db restored": Entry(
        "Say that the database came from a backup, to those who follow it.", "mpi.cli.commands.operation.db:restored"
    ),
    "blocks": Entry(
        "Blocking keys that many records share, and requests that wait because of one.",
        "mpi.cli.commands.operation.blocks:run",
    ),
    "verify": Entry("Check the laws on the live index, reading only.", "mpi.cli.commands.operation.verify:run"),
    "rebuild": Entry("Make everything derived again, with the same IDs.", "mpi.cli.commands.operation.rebuild:run"),
}  # fmt: skip
"""By what is typed after ``mpi``, in the order of ``mpi --help``."""
