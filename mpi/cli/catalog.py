"""List of all commands with their help line and module.

A new command is added here and in a module of ``mpi.cli.commands``.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """Catalog entry of one command-line command, or of a group of commands.

    Args:
        help: help line; the first line of the function's docstring.
        target: ``module:function`` below ``mpi.cli.commands``; None for a group.
    """

    help: str
    target: str | None = None


COMMANDS: Mapping[str, CatalogEntry] = {
    "demo": CatalogEntry("Simulate a small state and show how it is resolved.", "operation.demo:run"),
    "pilot": CatalogEntry(
        "Try the index on your own files, and leave nothing behind.", "operation.pilot:run"
    ),
    "init": CatalogEntry("Create a new index and its first API key.", "operation.init:run"),
    "source": CatalogEntry("Manage sources."),
    "source add": CatalogEntry("Add a source.", "access.source:add"),
    "source set": CatalogEntry("Set which of a source's records the index holds.", "access.source:change"),
    "source list": CatalogEntry("List the sources.", "access.source:list_all"),
    "source rename": CatalogEntry("Give a source another name; its code stays.", "access.source:rename"),
    "source retire": CatalogEntry(
        "Take no further record of a source that has ended.", "access.source:retire"
    ),
    "source pause": CatalogEntry("Hold all records that a source sends.", "access.source:pause"),
    "source resume": CatalogEntry(
        "Resume a paused source and process its held records.", "access.source:resume"
    ),
    "source consent": CatalogEntry(
        "Require an owner's consent to decisions about a source's records.",
        "access.source:ask_owner",
    ),
    "holdings": CatalogEntry("Drop records of children who are not in care."),
    "holdings apply": CatalogEntry("Drop stored records that may not be held.", "access.holdings:apply"),
    "holdings approve": CatalogEntry("Approve that stored records are dropped.", "access.holdings:approve"),
    "holdings ask": CatalogEntry("Count dropped rows to ask their source for again.", "access.holdings:ask"),
    "holdings list": CatalogEntry("List what was dropped, with certificates.", "access.holdings:show"),
    "scope": CatalogEntry("Manage scopes."),
    "scope add": CatalogEntry("Add a scope with an empty index and its first API key.", "access.scope:add"),
    "scope list": CatalogEntry(
        "List the scopes, their sources, and changes that wait.", "access.scope:list_all"
    ),
    "scope sync": CatalogEntry("Take the changes of scopes over into the shared index.", "access.scope:sync"),
    "scope split": CatalogEntry(
        "Move sources of this index into a scope, new or existing.", "access.scope_split:split"
    ),
    "policy": CatalogEntry("Explain the access policy."),
    "policy papers": CatalogEntry("Print who may see what, and under which law.", "access.policy:papers"),
    "policy explain": CatalogEntry(
        "Print the policy table, or the reasons of one decision.", "access.policy:explain"
    ),
    "break-glass": CatalogEntry("Review emergency access."),
    "break-glass list": CatalogEntry("List the uses of emergency access.", "access.break_glass:list_all"),
    "break-glass review": CatalogEntry(
        "Close a use of emergency access, as a second person.", "access.break_glass:review"
    ),
    "agreement": CatalogEntry("Manage data-sharing agreements."),
    "agreement add": CatalogEntry(
        "Add an agreement, or a version of one, from a TOML file.", "access.agreement:add"
    ),
    "agreement list": CatalogEntry(
        "List the agreements, their state and the days that are left.", "access.agreement:list_all"
    ),
    "agreement show": CatalogEntry("Show the terms of an agreement.", "access.agreement:show"),
    "agreement history": CatalogEntry(
        "List what was done with an agreement, and by whom.", "access.agreement:history"
    ),
    "agreement approve": CatalogEntry(
        "Approve the latest version of an agreement, as a second person.", "access.agreement:approve"
    ),
    "agreement suspend": CatalogEntry("Suspend an agreement at once.", "access.agreement:suspend"),
    "agreement resume": CatalogEntry("Resume a suspended agreement.", "access.agreement:resume"),
    "agreement end": CatalogEntry("End an agreement for good.", "access.agreement:end"),
    "agreement due": CatalogEntry(
        "List what the parties of agreements have to do, and by when.", "access.agreement_duties:due"
    ),
    "agreement clock": CatalogEntry(
        "Let a clock of an agreement begin to run for a party.", "access.agreement_duties:begin"
    ),
    "agreement met": CatalogEntry(
        "Record that a party did what a running clock is about.", "access.agreement_duties:meet"
    ),
    "agreement destroyed": CatalogEntry(
        "Record that a party destroyed what it received, or list such attestations.",
        "access.agreement_duties:destroyed",
    ),
    "agreement refusals": CatalogEntry(
        "List the requests that were refused, counted by minute.", "access.agreement:refusals"
    ),
    "purpose": CatalogEntry("Manage purposes of use."),
    "purpose list": CatalogEntry(
        "List the purposes of use that an agreement can permit.", "access.purpose:list_all"
    ),
    "purpose add": CatalogEntry("Add a purpose of use to those of the program.", "access.purpose:add"),
    "freeze": CatalogEntry("Manage freeze windows."),
    "freeze add": CatalogEntry(
        "Add a freeze window, in which decisions about a source wait.", "stewardship.freeze:add"
    ),
    "freeze list": CatalogEntry("List the freeze windows.", "stewardship.freeze:list_all"),
    "freeze lift": CatalogEntry("End a freeze window early.", "stewardship.freeze:lift_one"),
    "client": CatalogEntry("Manage API clients."),
    "client add": CatalogEntry("Add an API client and show its key once.", "access.client:add"),
    "client list": CatalogEntry("List the API clients and their permissions.", "access.client:list_all"),
    "client bind": CatalogEntry("Bind a client to another agreement.", "access.client:bind"),
    "client rotate": CatalogEntry("Give a client another key and show it once.", "access.client:rotate"),
    "client expire": CatalogEntry("Set when a client's key expires.", "access.client:expire"),
    "client subject": CatalogEntry(
        "Set whose signed tokens stand for a client.", "access.client:set_subject"
    ),
    "client revoke": CatalogEntry("Revoke a client's API key.", "access.client:revoke"),
    "webhook": CatalogEntry("Send the change feed to addresses of clients."),
    "webhook add": CatalogEntry(
        "Register a webhook of a client and show its secret once.", "access.webhook:add"
    ),
    "webhook list": CatalogEntry("List the webhooks and how far each is.", "access.webhook:list_all"),
    "webhook rotate": CatalogEntry(
        "Give a webhook another secret and show it once.", "access.webhook:rotate"
    ),
    "webhook pause": CatalogEntry("Stop a webhook until it is resumed.", "access.webhook:pause"),
    "webhook resume": CatalogEntry("Resume a webhook from its own cursor.", "access.webhook:resume"),
    "webhook replay": CatalogEntry("Resume a webhook from another cursor.", "access.webhook:replay"),
    "webhook test": CatalogEntry("Send a test message to a webhook.", "access.webhook:send_test"),
    "webhook remove": CatalogEntry("Remove a webhook and destroy its secrets.", "access.webhook:remove"),
    "webhook deliver": CatalogEntry("Deliver webhooks until Ctrl-C.", "access.webhook:deliver"),
    "account": CatalogEntry("Manage accounts of people who sign in."),
    "account add": CatalogEntry("Add an account and show its initial password once.", "access.account:add"),
    "account list": CatalogEntry("List the accounts and their roles.", "access.account:list_all"),
    "account change": CatalogEntry("Change the role and sources of an account.", "access.account:change"),
    "account bind": CatalogEntry("Bind an account to another agreement.", "access.account:bind"),
    "account grant": CatalogEntry("Grant an account actions by name.", "access.account:grant"),
    "account password": CatalogEntry("Set a new initial password for an account.", "access.account:password"),
    "account link": CatalogEntry("Let a person sign in with the identity provider.", "access.account:link"),
    "account reset-second-factor": CatalogEntry(
        "Remove the one-time codes of a person who lost them.", "access.account:reset_second_factor"
    ),
    "account unlock": CatalogEntry("Unlock an account.", "access.account:unlock"),
    "account end": CatalogEntry("Close an account and sign its user out.", "access.account:end"),
    "map": CatalogEntry("Propose a mapping for a file, and write it.", "files.map_file:run"),
    "ingest": CatalogEntry("Load a file of one source's records.", "files.ingest:run"),
    "caseload": CatalogEntry(
        "Replace the caseload of a child-welfare source by a file.", "files.caseload:run"
    ),
    "child-items": CatalogEntry("Store items of children in care from a file.", "files.child_items:run"),
    "contacts": CatalogEntry(
        "List the points of contact, and which have to be confirmed.", "files.contacts:run"
    ),
    "responsibilities": CatalogEntry(
        "List who owes what to whom, what is late first.", "access.responsibilities:run"
    ),
    "watch": CatalogEntry("Load files that are put into a folder, one by one.", "files.watch:run"),
    "pull": CatalogEntry("Pull a source's records from another system and load them.", "files.pull:run"),
    "write-ids": CatalogEntry(
        "Write enterprise IDs into the system that a source's records come from.", "files.write_ids:run"
    ),
    "load": CatalogEntry("Undo loads."),
    "load undo": CatalogEntry("Undo a load, keeping everything that came later.", "files.load:undo"),
    "resolve": CatalogEntry("Store a record from standard input; print its ID.", "matching.resolve:run"),
    "import": CatalogEntry("Import data of another system."),
    "import crosswalk": CatalogEntry(
        "Import the person IDs of another system.", "files.crosswalk_import:crosswalk"
    ),
    "rekey": CatalogEntry("Replace local IDs of a source's records.", "files.rekey:run"),
    "separate": CatalogEntry(
        "Give the second child of a shared local ID its own record.", "stewardship.separate:run"
    ),
    "retired-ids": CatalogEntry(
        "List the retired enterprise IDs of a source, with their survivors.", "files.retired_ids:run"
    ),
    "merges": CatalogEntry("State merges and splits of a source's own local IDs."),
    "merges import": CatalogEntry(
        "State what a file says about a source's local IDs.", "files.merges:import_file"
    ),
    "merges list": CatalogEntry(
        "List what a source stated about its local IDs, newest first.", "files.merges:show"
    ),
    "merges take-back": CatalogEntry("Take back one statement of a source.", "files.merges:take_back"),
    "search": CatalogEntry("Search for the person whom a record describes.", "persons.search:run"),
    "recluster": CatalogEntry(
        "Compute all persons again and show or apply the plan.", "matching.recluster:run"
    ),
    "simulate": CatalogEntry("Try other match thresholds without storing anything.", "matching.simulate:run"),
    "proposal": CatalogEntry("Manage stored re-cluster plans (proposals)."),
    "proposal make": CatalogEntry(
        "Compute all persons again and store the plan as a proposal.", "matching.proposal:make"
    ),
    "proposal show": CatalogEntry(
        "List the proposals, or show one with its items.", "matching.proposal:show"
    ),
    "proposal apply": CatalogEntry(
        "Apply a proposal, whole or in part, and hold the rest.", "matching.proposal:apply"
    ),
    "proposal reject": CatalogEntry("Reject a proposal.", "matching.proposal:reject"),
    "proposal rollback": CatalogEntry("Roll back an applied proposal.", "matching.proposal:rollback"),
    "hold": CatalogEntry("Manage held changes."),
    "hold list": CatalogEntry(
        "List computed changes that wait for a person.", "matching.proposal:list_holds"
    ),
    "hold release": CatalogEntry("Let a held change happen.", "matching.proposal:release"),
    "hold refuse": CatalogEntry("Refuse a held change, as a steward's decision.", "matching.proposal:refuse"),
    "person": CatalogEntry("Look up an enterprise ID.", "persons.person:run"),
    "lineage": CatalogEntry("List all changes to the records of an enterprise ID.", "persons.lineage:run"),
    "golden": CatalogEntry("Show the golden record of a person.", "persons.golden:run"),
    "correct": CatalogEntry("Correct a value of a person's golden record.", "persons.golden:correct"),
    "explain": CatalogEntry("Explain why records are or are not one person.", "persons.explain:run"),
    "crosswalk": CatalogEntry("Look up the enterprise ID of a source record.", "files.crosswalk:run"),
    "decide": CatalogEntry("Decide whether records describe one person.", "stewardship.decide:run"),
    "decisions": CatalogEntry(
        "List the decisions, or show one with its evidence.", "stewardship.decide:show"
    ),
    "tasks": CatalogEntry("List the questions for stewards, or show one.", "review.tasks:run"),
    "merge": CatalogEntry("Merge two or more persons into one.", "stewardship.merge:merge"),
    "split": CatalogEntry("Split the records of one person into several persons.", "stewardship.merge:split"),
    "move": CatalogEntry("Move records from one person to another.", "stewardship.merge:move"),
    "undo": CatalogEntry("Undo a decision or a step.", "stewardship.merge:undo"),
    "approve": CatalogEntry("Approve a step as the second approver.", "stewardship.merge:approve"),
    "consent": CatalogEntry(
        "Consent to a step, or refuse it, as a source's owner.", "stewardship.pending_steps:answer"
    ),
    "waiting": CatalogEntry(
        "List steps that wait for an approver or an owner.", "stewardship.pending_steps:show"
    ),
    "expunge": CatalogEntry("Answer requests to expunge records."),
    "expunge list": CatalogEntry("List the records that wait to be expunged.", "stewardship.expunge:show"),
    "expunge approve": CatalogEntry(
        "Destroy records that another client asked to expunge.", "stewardship.expunge:approve"
    ),
    "expunge refuse": CatalogEntry(
        "Refuse to expunge records, and show them again.", "stewardship.expunge:refuse"
    ),
    "expunge certificate": CatalogEntry(
        "List the certificates of destruction, or print or check one.", "stewardship.expunge:certificate"
    ),
    "unseal": CatalogEntry("Lift seals by a court order, with a second person."),
    "unseal request": CatalogEntry(
        "Ask to lift the seal of records by a court order.", "stewardship.unseal:ask"
    ),
    "unseal list": CatalogEntry("List the records whose seal waits to be lifted.", "stewardship.unseal:show"),
    "unseal approve": CatalogEntry(
        "Lift the seal of records, for which another person has asked.", "stewardship.unseal:approve"
    ),
    "unseal refuse": CatalogEntry(
        "Refuse to lift the seal of records, which stay sealed.", "stewardship.unseal:refuse"
    ),
    "disclosure-consent": CatalogEntry("Record families' consents to disclose records."),
    "disclosure-consent add": CatalogEntry(
        "Record a consent to disclose a record.", "access.disclosure_consent:add"
    ),
    "disclosure-consent list": CatalogEntry(
        "List the consents to disclose a record, oldest first.", "access.disclosure_consent:show"
    ),
    "disclosure-consent revoke": CatalogEntry(
        "Revoke a consent at once.", "access.disclosure_consent:revoke"
    ),
    "subpoena": CatalogEntry("Handle subpoenas, each as a case that counsel decides."),
    "subpoena open": CatalogEntry(
        "Open the case of a subpoena that was served.", "access.subpoena:open_case"
    ),
    "subpoena list": CatalogEntry(
        "List the subpoena cases, the earliest due day first.", "access.subpoena:show"
    ),
    "subpoena notify": CatalogEntry(
        "Record when the parents were notified of a case.", "access.subpoena:notify"
    ),
    "subpoena decide": CatalogEntry("Decide about a case, as counsel.", "access.subpoena:decide"),
    "subpoena release": CatalogEntry(
        "Release what counsel decided, and print it.", "access.subpoena:release"
    ),
    "rights": CatalogEntry("Handle requests of persons to inspect or to amend a record."),
    "rights open": CatalogEntry(
        "Open the case of a person's request about a record.", "rights.cases:open_case"
    ),
    "rights list": CatalogEntry(
        "List the rights cases, the earliest due day first, with warnings.", "rights.cases:show"
    ),
    "rights release": CatalogEntry("Release the report about a child, and print it.", "rights.cases:release"),
    "rights refuse": CatalogEntry(
        "Refuse what a case asks for, and print the letter.", "rights.cases:refuse"
    ),
    "rights grant": CatalogEntry(
        "Grant a request to amend, so that the source corrects its record.", "rights.cases:grant"
    ),
    "rights ask-hearing": CatalogEntry(
        "Record that a hearing was asked for after a refusal to amend.", "rights.cases:ask_hearing"
    ),
    "rights hear": CatalogEntry("Record the decision of a hearing.", "rights.cases:hear"),
    "rights attach": CatalogEntry(
        "Attach a statement, read from standard input, to the record.", "rights.cases:attach"
    ),
    "rights rule": CatalogEntry("Show or change the rule of a source.", "rights.cases:rule"),
    "legal-hold": CatalogEntry("Keep records from being expunged or destroyed."),
    "legal-hold place": CatalogEntry(
        "Place a legal hold: what it reaches is neither expunged nor destroyed.", "rights.holds:place"
    ),
    "legal-hold list": CatalogEntry("List the legal holds, oldest first.", "rights.holds:show"),
    "legal-hold lift": CatalogEntry(
        "Lift a legal hold, which another person has placed.", "rights.holds:lift"
    ),
    "destruction": CatalogEntry("Destroy records whose retention has ended, with a second person."),
    "destruction due": CatalogEntry(
        "Count what is due to be destroyed, by source.", "rights.destruction:due"
    ),
    "destruction plan": CatalogEntry(
        "Plan to destroy the records of a source that are due.", "rights.destruction:plan"
    ),
    "destruction approve": CatalogEntry(
        "Approve a run, which another person has planned.", "rights.destruction:approve"
    ),
    "destruction run": CatalogEntry("Destroy the records of an approved run.", "rights.destruction:run"),
    "destruction list": CatalogEntry("List the destruction runs, newest first.", "rights.destruction:show"),
    "destruction certificate": CatalogEntry(
        "Print the certificate of a run that is done.", "rights.destruction:certificate"
    ),
    "research": CatalogEntry("Give each research project IDs of its own."),
    "research add": CatalogEntry(
        "Open a research project, whose IDs join with no other project's.", "rights.research:add"
    ),
    "research list": CatalogEntry("List the research projects, oldest first.", "rights.research:show"),
    "research terms": CatalogEntry(
        "Record what a project may have, and until when.", "rights.research_extract:terms"
    ),
    "research show": CatalogEntry(
        "Show a project with its terms, extracts and certificate.", "rights.research_extract:show"
    ),
    "research destroyed": CatalogEntry(
        "Record that every copy of a project is destroyed; end it.", "rights.research_extract:destroyed"
    ),
    "research end": CatalogEntry(
        "End a research project, and destroy the key of its IDs.", "rights.research:end"
    ),
    "research export": CatalogEntry(
        "Export which records are of one child, by a project's IDs.", "rights.research:export"
    ),
    "export": CatalogEntry("Export data to a file."),
    "export crosswalk": CatalogEntry(
        "Export all enterprise IDs as CSV or Parquet.", "files.export:crosswalk"
    ),
    "export id-map": CatalogEntry(
        "Export a client's records with former and present IDs.", "files.export:id_map"
    ),
    "export research": CatalogEntry(
        "Export the extract of a research project into a new folder.", "rights.research_extract:export"
    ),
    "export school-record": CatalogEntry(
        "Export the schools of an agency's children in care as CSV.", "files.export:school_record"
    ),
    "export labels": CatalogEntry("Export decided pairs for fitting a model.", "files.labels:run"),
    "issues": CatalogEntry("List what is wrong with a source's records.", "data_quality.issues:run"),
    "ticket": CatalogEntry("Ask sources to correct quality issues."),
    "ticket open": CatalogEntry(
        "Ask a source to correct one kind of issue.", "data_quality.tickets:open_one"
    ),
    "ticket list": CatalogEntry("List the tickets of a source, newest first.", "data_quality.tickets:show"),
    "ticket close": CatalogEntry(
        "Close a ticket although the issue is still there.", "data_quality.tickets:close"
    ),
    "report": CatalogEntry("Show statistics of the index, or a report on its children.", "review.report:run"),
    "quality": CatalogEntry("Show match quality, stewards' workload and a forecast.", "review.quality:run"),
    "calibration": CatalogEntry(
        "Show false and missed links, as model, numbers and stewards tell them.", "review.calibration:run"
    ),
    "publish": CatalogEntry("Measure today's figures, which are published later.", "review.publication:run"),
    "sample": CatalogEntry("Draw this month's pairs for blind review.", "review.quality:sample"),
    "doctor": CatalogEntry(
        "Check configuration, keys, disk, database, model, clock and backup.", "operation.doctor:run"
    ),
    "config": CatalogEntry("Show and check the settings of the program."),
    "config show": CatalogEntry(
        "Show each setting, its value and its origin; secrets are masked.", "operation.config:show"
    ),
    "config check": CatalogEntry(
        "Check the environment and the file, and say what is wrong.", "operation.config:check"
    ),
    "config init": CatalogEntry(
        "Write a new file with every setting, its meaning and its default.", "operation.config:init"
    ),
    "metrics": CatalogEntry("Print figures of the index for Prometheus.", "operation.metrics:run"),
    "digest": CatalogEntry("Mail people what waits for them."),
    "digest send": CatalogEntry("Mail people how much waits for them, once a day.", "operation.digest:send"),
    "serve": CatalogEntry("Serve the API and pages on this machine.", "operation.serve:run"),
    "backup": CatalogEntry(
        "Write the index, its models and its settings into one encrypted file.", "operation.backup:run"
    ),
    "restore": CatalogEntry("Restore a backup into an empty place, and verify it.", "operation.restore:run"),
    "db": CatalogEntry("Check and upgrade the database."),
    "db upgrade": CatalogEntry("Upgrade the database schema to this version.", "operation.db:upgrade"),
    "db check": CatalogEntry("Check the database schema against this version.", "operation.db:check"),
    "db restored": CatalogEntry(
        "Tell the index that it was restored from a backup.", "operation.db:restored"
    ),
    "db orders": CatalogEntry(
        "Check the orders file, or write it anew from the database.", "operation.db:orders"
    ),
    "db grants": CatalogEntry(
        "Print or apply the rights of a role that serves the index.", "operation.db:grants"
    ),
    "incident": CatalogEntry("Handle wrong links that were found, and correct those who were told."),
    "incident list": CatalogEntry(
        "List the incidents of wrong links, the latest first.", "operation.incident:list_all"
    ),
    "incident show": CatalogEntry(
        "Show who was told what because of a wrong link.", "operation.incident:show"
    ),
    "incident send": CatalogEntry(
        "Send every recipient of an incident its correction.", "operation.incident:send"
    ),
    "incident acknowledge": CatalogEntry(
        "Record that a recipient has acknowledged its correction on paper.", "operation.incident:acknowledge"
    ),
    "incident close": CatalogEntry(
        "Close an incident, of which every correction is acknowledged.", "operation.incident:close"
    ),
    "audit": CatalogEntry("Prove that the disclosure ledger is whole."),
    "audit sign": CatalogEntry("Sign the ledger's present root, once a day.", "operation.audit:sign"),
    "audit verify": CatalogEntry(
        "Compare every line of the ledger with its hashes and signed roots.", "operation.audit:verify"
    ),
    "audit prove": CatalogEntry("Prove a line, or that the ledger only grew.", "operation.audit:prove"),
    "audit lines": CatalogEntry(
        "List who was shown what, when, for which purpose and agreement.", "operation.audit:lines"
    ),
    "audit link": CatalogEntry(
        "List every answer that told of two records while they were linked.", "operation.audit:link"
    ),
    "audit students": CatalogEntry(
        "Export the disclosures of a source's records, for the students' files.", "operation.audit:students"
    ),
    "audit events": CatalogEntry(
        "List security events for a SIEM: changed rights, refusals, emergencies, exports.",
        "operation.security_events:run",
    ),
    "audit export": CatalogEntry(
        "Export the ledger's lines for an independent verifier.", "operation.audit:export"
    ),
    "audit key": CatalogEntry("Print the public key of the signed roots.", "operation.audit:key"),
    "blocks": CatalogEntry(
        "List the largest blocks and the records with a pending search.",
        "operation.blocks:run",
    ),
    "verify": CatalogEntry("Check the index against its laws, without changing it.", "operation.verify:run"),
    "tokens": CatalogEntry("Make linkage tokens."),
    "tokens make": CatalogEntry(
        "Make a file of linkage tokens from an agency's own file.", "files.tokens:make"
    ),
    "keys": CatalogEntry("Manage the keys of the index."),
    "keys status": CatalogEntry(
        "Show which keys the index uses, never a key itself.", "operation.keys:status"
    ),
    "keys encrypt": CatalogEntry(
        "Encrypt the stored content of an index that is not encrypted.", "operation.keys:encrypt"
    ),
    "keys rotate": CatalogEntry(
        "Replace the payload key or the token key by a new one.", "operation.keys:rotate"
    ),
    "keys backup": CatalogEntry(
        "Make the pair of keys that closes and opens backups.", "operation.keys:backup"
    ),
    "keys drop": CatalogEntry("Delete the token keys that nothing needs any more.", "operation.keys:drop"),
    "rebuild": CatalogEntry(
        "Rebuild all derived data, keeping every enterprise ID.", "operation.rebuild:run"
    ),
}
"""All commands by what is typed after ``mpi``, in the order of ``mpi --help``."""
