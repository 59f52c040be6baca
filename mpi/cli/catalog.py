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
    "demo": Entry("Simulate a small state, resolve it, and tell the story.", "mpi.cli.commands.demo:run"),
    "init": Entry("Make a new index and its first API key.", "mpi.cli.commands.init:run"),
    "source": Entry("Add and list sources."),
    "source add": Entry("Add a source, whose records then may be loaded.", "mpi.cli.commands.source:add"),
    "source list": Entry("List the sources.", "mpi.cli.commands.source:list_all"),
    "source pause": Entry(
        "Hold what a source sends, and link nothing of it.", "mpi.cli.commands.source:pause"
    ),
    "source resume": Entry("Let what was held take effect.", "mpi.cli.commands.source:resume"),
    "source consent": Entry(
        "Let what others decide of a source's records wait for its owner.",
        "mpi.cli.commands.source:ask_owner",
    ),
    "freeze": Entry("Days on which what is decided of a source's records waits."),
    "freeze add": Entry(
        "Name days on which what is decided of a source's records waits.", "mpi.cli.commands.freeze:add"
    ),
    "freeze list": Entry("List the freeze windows.", "mpi.cli.commands.freeze:list_all"),
    "freeze lift": Entry("End a freeze window before its time.", "mpi.cli.commands.freeze:lift_one"),
    "client": Entry("Add, list and revoke clients of the API."),
    "client add": Entry(
        "Add a client of the API and show its key, this once.", "mpi.cli.commands.client:add"
    ),
    "client list": Entry(
        "List the clients of the API and what each may do.", "mpi.cli.commands.client:list_all"
    ),
    "client revoke": Entry(
        "End a client's key: its next call is refused.", "mpi.cli.commands.client:revoke"
    ),
    "account": Entry("Add, list, change and end accounts of people who sign in."),
    "account add": Entry(
        "Add an account and show a password that opens it once.", "mpi.cli.commands.account:add"
    ),
    "account list": Entry(
        "List the accounts and what each person is here for.", "mpi.cli.commands.account:list_all"
    ),
    "account change": Entry("Give a person another role or sources.", "mpi.cli.commands.account:change"),
    "account password": Entry(
        "Give an account a password that opens it once.", "mpi.cli.commands.account:password"
    ),
    "account unlock": Entry(
        "Let a person try again who was locked out.", "mpi.cli.commands.account:unlock"
    ),
    "account end": Entry("End an account and its sign-ins.", "mpi.cli.commands.account:end"),
    "ingest": Entry("Load a file of one source's records.", "mpi.cli.commands.ingest:run"),
    "load": Entry("Take loads back."),
    "load undo": Entry("Take a load back, whatever came since.", "mpi.cli.commands.load:undo"),
    "resolve": Entry("Take one record from standard input; answer its ID.", "mpi.cli.commands.resolve:run"),
    "import": Entry("Take over what another system knew."),
    "import crosswalk": Entry(
        "Take over the IDs of another system, which stay known.", "mpi.cli.commands.imports:crosswalk"
    ),
    "rekey": Entry("Give records of a source new local IDs, all at once.", "mpi.cli.commands.rekey:run"),
    "search": Entry("Find who a record on standard input might be.", "mpi.cli.commands.search:run"),
    "recluster": Entry("Think the whole index through, as a plan first.", "mpi.cli.commands.recluster:run"),
    "simulate": Entry(
        "Try other thresholds on the live index, storing nothing.", "mpi.cli.commands.simulate:run"
    ),
    "proposal": Entry("Re-cluster as a proposal: make, read, apply, reject, roll back."),
    "proposal make": Entry(
        "Think the whole index through, as a proposal to be read.", "mpi.cli.commands.proposal:make"
    ),
    "proposal show": Entry("List proposals, or read one with its items.", "mpi.cli.commands.proposal:show"),
    "proposal apply": Entry(
        "Carry a proposal out, whole or in part; the rest is held.", "mpi.cli.commands.proposal:apply"
    ),
    "proposal reject": Entry("Say no to a proposal.", "mpi.cli.commands.proposal:reject"),
    "proposal rollback": Entry(
        "Take an applied proposal back; what came since stays.", "mpi.cli.commands.proposal:rollback"
    ),
    "hold": Entry("Computed changes that wait for a person."),
    "hold list": Entry(
        "List computed changes that wait for a person.", "mpi.cli.commands.proposal:list_holds"
    ),
    "hold release": Entry("Let a held change happen.", "mpi.cli.commands.proposal:release"),
    "hold refuse": Entry(
        "Say no to a held change, as a steward's decision.", "mpi.cli.commands.proposal:refuse"
    ),
    "person": Entry("Look up an enterprise ID.", "mpi.cli.commands.person:run"),
    "lineage": Entry("List every change of an enterprise ID's records.", "mpi.cli.commands.lineage:run"),
    "golden": Entry(
        "Show what is known of a person, and by which record and rule.", "mpi.cli.commands.golden:run"
    ),
    "correct": Entry(
        "Correct a value of a person, whatever its records state.", "mpi.cli.commands.golden:correct"
    ),
    "explain": Entry(
        "Tell why records are one person, or two records are not.", "mpi.cli.commands.explain:run"
    ),
    "crosswalk": Entry("Tell the enterprise ID of one source record.", "mpi.cli.commands.crosswalk:run"),
    "decide": Entry("Decide that records are one person, or not, or unsure.", "mpi.cli.commands.decide:run"),
    "decisions": Entry("List decisions, or show one with its evidence.", "mpi.cli.commands.decide:show"),
    "tasks": Entry("List what waits for a steward, or show one question.", "mpi.cli.commands.tasks:run"),
    "merge": Entry("Make two or more persons one.", "mpi.cli.commands.merging:merge"),
    "split": Entry("Part one person's records into several persons.", "mpi.cli.commands.merging:split"),
    "move": Entry("Move records from one person to another.", "mpi.cli.commands.merging:move"),
    "undo": Entry("Take a decision, merge, split or move back.", "mpi.cli.commands.merging:undo"),
    "approve": Entry(
        "Give the second word on a step that waits for one.", "mpi.cli.commands.merging:approve"
    ),
    "consent": Entry(
        "Consent to a step, or refuse it, as an owner of a source.", "mpi.cli.commands.waiting:answer"
    ),
    "waiting": Entry(
        "List what waits for a second approver or for an owner.", "mpi.cli.commands.waiting:show"
    ),
    "export": Entry("Write what the index knows to a file."),
    "export crosswalk": Entry("Write all enterprise IDs as CSV.", "mpi.cli.commands.export:crosswalk"),
    "export labels": Entry(
        "Write what stewards decided, as pairs to fit a model by.", "mpi.cli.commands.labels:run"
    ),
    "report": Entry("Show figures about the index.", "mpi.cli.commands.report:run"),
    "quality": Entry(
        "Show how good the index and its stewards are, and what waits.", "mpi.cli.commands.quality:run"
    ),
    "sample": Entry(
        "Draw this month's pairs for blind review; once a month.", "mpi.cli.commands.quality:sample"
    ),
    "serve": Entry("Serve the API and pages on this machine.", "mpi.cli.commands.serve:run"),
    "db": Entry("Check and upgrade the database."),
    "db upgrade": Entry("Bring the database to this version.", "mpi.cli.commands.db:upgrade"),
    "db check": Entry("Check the database against this version.", "mpi.cli.commands.db:check"),
    "db restored": Entry(
        "Say that the database came from a backup, to those who follow it.", "mpi.cli.commands.db:restored"
    ),
    "blocks": Entry(
        "Blocking keys that many records share, and requests that wait because of one.",
        "mpi.cli.commands.blocks:run",
    ),
    "verify": Entry("Check the laws on the live index, reading only.", "mpi.cli.commands.verify:run"),
    "rebuild": Entry("Make everything derived again, with the same IDs.", "mpi.cli.commands.rebuild:run"),
}  # fmt: skip
"""By what is typed after ``mpi``, in the order of ``mpi --help``."""
