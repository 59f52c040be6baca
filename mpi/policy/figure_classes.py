"""Table of everything that shows figures, with the class of its figures.

A figure is a number over persons, links, matches or questions. ``tests/unit/api/test_figure_classes.py``
fails for a route, page, command, report or metric that is missing here.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class FigureClass(StrEnum):
    """How figures are computed and who may read them."""

    NAMED = "named"
    """Exact and current. They follow from records, questions and steps that the reader may see."""
    PUBLISHED = "published"
    """Of an earlier day, with noise, rounded, without small counts, and the same for every reader."""
    SERVICE = "service"
    """Exact and current. They follow from calls, not from what the records say."""


_NONE: tuple[str, ...] = (
    # Calls about one record, person, question, step or account.
    "GET /openapi.json", "GET /v1/crosswalk", "GET /v1/persons/{eid}",
    "PUT /v1/sources/{source}/records/{local_id:path}", "GET /v1/sources/{source}/records/{local_id:path}",
    "DELETE /v1/sources/{source}/records/{local_id:path}",
    "POST /v1/sources/{source}/records/{local_id:path}/rekey",
    "GET /v1/sources/{source}/merges", "mpi merges list",
    "GET /v1/sources/{source}/retired-ids", "mpi retired-ids",
    "POST /v1/sources/{source}:pause", "POST /v1/persons:search", "GET /v1/persons/{eid}/lineage",
    "POST /identity/v2/identities", "POST /identity/v2/identities/find",
    "POST /identity/v2/identities/search", "GET /identity/v2/identities/results/{token}",
    "GET /identity/v2/identities/{id}", "POST /fhir/Patient/$match", "POST /fhir/Patient/$idi-match",
    "GET /fhir/Patient/$ihe-pix", "GET /fhir/metadata", "GET /v1/persons/{eid}/golden",
    "POST /v1/persons/{eid}/corrections", "POST /v1/link-reports",
    "GET /v1/decisions", "GET /v1/decisions/{number}", "GET /v1/holds", "GET /v1/events",
    "GET /v1/corrections", "POST /v1/corrections/{code}:acknowledge", "GET /corrections",
    "POST /corrections/{code}",
    "POST /v1/blind-pairs/{number}:answer", "GET /v1/owner-questions",
    "POST /v1/owner-questions/{number}:answer", "POST /v1/sources/{source}:freeze", "GET /v1/freeze-windows",
    "POST /v1/freeze-windows/{number}:lift", "POST /v1/sources/{source}:ask-consent",
    "POST /v1/sources/{source}:rename", "POST /v1/sources/{source}:retire",
    "GET /v1/expunge-requests", "GET /v1/review-views", "POST /v1/review-views",
    "POST /v1/review-views:forget", "GET /healthz",
    "GET /style.css", "GET /desk.js", "GET /icon.svg", "GET /docs", "GET /docs/{name}", "GET /find",
    "GET /people", "POST /find/key",
    "POST /find", "GET /register", "POST /register", "POST /views", "GET /accounts", "POST /accounts",
    "GET /accounts/{name}", "GET /accounts/{name}/end", "POST /accounts/{name}", "GET /account-requests",
    "POST /account-requests/{number}", "GET /clients", "GET /clients/{name}", "GET /clients/{name}/end",
    "POST /clients/{name}", "GET /v1/clients", "POST /v1/clients", "GET /v1/clients/{client}",
    "POST /v1/clients/{client}:rotate", "POST /v1/clients/{client}:expire", "POST /v1/clients/{client}:end",
    "GET /v1/sources", "POST /v1/sources", "GET /v1/sources/{source}", "GET /freezes", "POST /freezes",
    "GET /sign-in/provider", "GET /sign-in/answer", "mpi account link",
    "GET /sign-in", "POST /sign-in", "POST /sign-out", "POST /session",
    "GET /sessions", "POST /sessions", "GET /second-factor", "POST /second-factor",
    "GET /first-account/{token}", "POST /first-account/{token}",
    "GET /change-password", "POST /change-password",
    "mpi config check", "mpi config init", "mpi config show", "mpi source rename", "mpi source retire",
    "mpi init", "mpi source add", "mpi source list", "mpi source pause", "mpi source consent",
    "mpi scope add", "mpi scope list", "mpi freeze add", "mpi freeze list", "mpi freeze lift",
    "mpi client add", "mpi client list", "mpi client rotate", "mpi client expire",
    "mpi client subject", "POST /oauth/token",
    "mpi client revoke", "mpi account add", "mpi account list",
    "mpi account change", "mpi account password", "mpi account unlock",
    "mpi account reset-second-factor", "mpi account end", "mpi resolve",
    "mpi search", "mpi person", "mpi lineage", "mpi golden", "mpi correct", "mpi crosswalk", "mpi decisions",
    "mpi hold list", "mpi waiting", "mpi expunge list", "mpi publish", "mpi serve", "mpi db upgrade",
    "mpi db check", "mpi doctor", "mpi db restored", "mpi db grants", "mpi keys encrypt", "mpi keys rotate",
    "mpi backup", "mpi keys backup", "mpi restore",
    "mpi keys drop", "mpi keys status", "mpi tokens make", "mpi audit key", "mpi audit sign",
    # Agreements, purposes, orders, requests and rights.
    "GET /sources/{source}/rule", "POST /sources/{source}/rule",
    "GET /agreements", "GET /agreements/{code}", "POST /agreements/{code}", "GET /v1/agreements",
    "GET /v1/agreements/{code}", "GET /v1/agreements/{code}/history", "POST /v1/agreements",
    "POST /v1/agreements/{code}:approve", "POST /v1/agreements/{code}:end",
    "POST /v1/agreements/{code}:resume", "POST /v1/agreements/{code}:suspend", "GET /v1/legal-bases",
    "GET /v1/purposes", "GET /v1/unseal-requests", "POST /v1/unseal-requests", "mpi account bind",
    "mpi account grant",
    "mpi agreement add", "mpi agreement approve", "mpi agreement end", "mpi agreement history",
    "mpi agreement list", "mpi agreement resume", "mpi agreement show", "mpi agreement suspend",
    "mpi break-glass list", "mpi break-glass review", "mpi client bind", "mpi expunge certificate",
    "mpi policy explain", "mpi policy papers", "GET /papers",
    "mpi purpose add", "mpi purpose list", "mpi source set", "mpi unseal list",
    "mpi unseal request",
    # Which reports on children were published, without their figures.
    "GET /v1/reports", "GET /reports",
    # The directory of points of contact.
    "GET /v1/contacts", "GET /contacts", "mpi contacts",
    # Links into the pages.
    "POST /v1/links", "GET /go/{code}",
    # Duties under agreements.
    "GET /v1/obligations", "GET /obligations", "mpi responsibilities",
    "GET /v1/agreement-duties", "mpi agreement clock", "mpi agreement destroyed", "mpi agreement due",
    "mpi agreement met",
    # Subpoena cases, and consents to disclose records.
    "GET /v1/subpoenas", "POST /v1/subpoenas", "POST /v1/subpoenas/{code}:notify",
    "POST /v1/subpoenas/{code}:decide", "POST /v1/subpoenas/{code}:release", "mpi subpoena open",
    "GET /v1/disclosure-consents", "POST /v1/disclosure-consents",
    "POST /v1/disclosure-consents/{code}:revoke", "mpi disclosure-consent add", "mpi disclosure-consent list",
    "mpi disclosure-consent revoke", "mpi subpoena list", "mpi subpoena notify", "mpi subpoena decide",
    "mpi subpoena release",
    # Rights of the person, legal holds and research projects.
    "GET /v1/rights-cases", "POST /v1/rights-cases", "POST /v1/rights-cases/{code}:release",
    "POST /v1/rights-cases/{code}:refuse", "POST /v1/rights-cases/{code}:grant",
    "POST /v1/rights-cases/{code}:ask-hearing", "POST /v1/rights-cases/{code}:decide-hearing",
    "POST /v1/rights-cases/{code}:attach-statement", "GET /v1/legal-holds", "POST /v1/legal-holds",
    "POST /v1/legal-holds/{code}:lift", "GET /v1/research-projects", "POST /v1/research-projects",
    "POST /v1/research-projects/{code}:end", "GET /research", "POST /research",
    "mpi rights open", "mpi rights list", "mpi rights release",
    "mpi rights refuse", "mpi rights grant", "mpi rights ask-hearing", "mpi rights hear",
    "mpi rights attach", "mpi rights rule", "mpi legal-hold place", "mpi legal-hold list",
    "mpi legal-hold lift", "mpi research add", "mpi research list", "mpi research end",
    "mpi research terms", "mpi research show", "mpi research destroyed",
    # Webhooks: what they carry is read by the client's own rights.
    "GET /v1/webhooks", "POST /v1/webhooks", "GET /v1/webhooks/{code}", "DELETE /v1/webhooks/{code}",
    "POST /v1/webhooks/{code}:rotate", "POST /v1/webhooks/{code}:pause", "POST /v1/webhooks/{code}:resume",
    "POST /v1/webhooks/{code}:replay", "POST /v1/webhooks/{code}:test", "mpi webhook add",
    "mpi webhook list", "mpi webhook rotate", "mpi webhook pause", "mpi webhook resume",
    "mpi webhook replay", "mpi webhook test", "mpi webhook remove", "mpi webhook deliver",
)  # fmt: skip

_NAMED: tuple[str, ...] = (
    # What the caller's own records, files and steps did, in a preview or a receipt.
    "POST /v1/records:bulk", "POST /v1/loads/{number}:undo", "POST /v1/sources/{source}:resume",
    "POST /v1/sources/{source}/merges", "DELETE /v1/sources/{source}/merges/{number}",
    "POST /v1/sources/{source}/records/{local_id:path}/separate", "mpi separate",
    "POST /v1/decisions", "POST /v1/decisions/{number}:undo", "POST /v1/steps/{number}:undo",
    "POST /v1/steps/{number}:approve", "POST /v1/steps/{number}:consent", "POST /v1/steps/{number}:refuse",
    "POST /v1/persons:merge", "POST /v1/persons/{eid}:split", "POST /v1/persons/{eid}:move",
    "POST /v1/expunge-requests:approve", "POST /v1/expunge-requests:refuse",
    "POST /v1/unseal-requests:approve", "POST /v1/unseal-requests:refuse",
    "POST /people/{eid}/unlink", "POST /people/{eid}/correct", "POST /steps/{step}/undo",
    "POST /people/{eid}/link", "POST /people/{eid}/move",
    # How the records that the caller sees hang together.
    "POST /v1/explanations", "GET /v1/persons/{eid}/explanation", "GET /v1/persons/{eid}/built",
    "GET /link", "GET /people/{eid}/link", "GET /people/{eid}/move",
    "GET /people/{eid}", "GET /people/{eid}/unlink", "GET /people/{eid}/correct", "POST /why",
    # Questions that the caller sees, and the caller's own work.
    "GET /v1/review-tasks", "GET /v1/review-questions", "GET /v1/review-questions/{question_key}",
    "POST /v1/review-tasks:bulk", "POST /v1/review-tasks/{question_key}:claim",
    "POST /v1/review-tasks/{question_key}:release", "POST /v1/review-tasks/{question_key}:defer",
    "POST /v1/review-tasks/{question_key}:assign", "POST /v1/review-tasks/{question_key}:escalate",
    "POST /v1/review-tasks/{question_key}:ask", "POST /v1/review-tasks/{question_key}:decide",
    "POST /v1/review-tasks/{question_key}:undo", "GET /v1/waiting-steps",
    "GET /v1/blind-pairs/next", "GET /v1/practice-pairs/next", "POST /v1/practice-pairs/{number}:answer",
    "GET /", "GET /queue", "POST /queue", "POST /queue/bulk", "POST /queue/bulk/undo",
    "GET /queue/{key}", "POST /queue/next",
    "POST /queue/{key}/claim", "POST /queue/{key}/release", "POST /queue/{key}/defer",
    "POST /queue/{key}/assign", "POST /queue/{key}/escalate",
    "POST /queue/{key}/note", "POST /queue/{key}/answer",
    "POST /queue/{key}/respond", "POST /queue/{key}/undo", "POST /queue/{key}/ask",
    "POST /queue/{key}/reply",
    "GET /seals", "POST /seals",
    "GET /subpoenas", "POST /subpoenas", "GET /subpoenas/{code}", "POST /subpoenas/{code}",
    "GET /consents", "POST /consents",
    # Records of the party's own sources whose retention has ended.
    "GET /v1/retention", "GET /v1/destruction-runs", "POST /v1/destruction-runs",
    "POST /v1/destruction-runs/{number}:approve", "POST /v1/destruction-runs/{number}:execute",
    "GET /v1/destruction-runs/{number}/certificate", "mpi destruction due", "mpi destruction plan",
    "mpi destruction approve", "mpi destruction run", "mpi destruction list",
    "mpi destruction certificate", "mpi research export", "mpi export research",
    "GET /v1/research-projects/{code}",
    "GET /rights", "POST /rights",
    "GET /rights/{code}", "POST /rights/{code}", "GET /retention", "POST /retention",
    "GET /activity", "POST /activity", "GET /workload",
    "GET /emergency", "POST /emergency", "GET /emergency/uses", "POST /emergency/uses",
    "GET /waiting", "GET /waiting/{number}", "POST /waiting/{number}", "GET /asked", "POST /asked/{number}",
    "GET /blind", "POST /blind/{number}", "GET /practice", "POST /practice/{number}",
    # Plans over the whole index, for who may re-cluster it and so reads every person of a plan.
    "POST /v1/recluster-runs", "GET /v1/recluster-runs", "GET /v1/recluster-runs/{number}",
    "POST /v1/recluster-runs/{number}:apply", "POST /v1/recluster-runs/{number}:reject",
    "POST /v1/recluster-runs/{number}:rollback", "POST /v1/recluster-runs:simulate",
    "POST /v1/holds/{number}:release", "POST /v1/holds/{number}:refuse", "POST /v1/blind-pairs:draw",
    "GET /runs", "POST /runs", "GET /runs/{number}", "POST /runs/{number}",
    "GET /v1/jobs", "GET /v1/jobs/{number}", "GET /jobs", "GET /jobs/{number}", "POST /jobs/{number}",
    # Commands of the operator, who holds the database and may read every record.
    "mpi demo", "mpi pilot", "mpi source resume", "mpi scope sync", "mpi ingest", "mpi load undo",
    "mpi import crosswalk",
    "mpi rekey", "mpi recluster", "mpi simulate", "mpi proposal make", "mpi proposal show",
    "mpi proposal apply", "mpi proposal reject", "mpi proposal rollback", "mpi hold release",
    "mpi hold refuse", "mpi explain", "mpi decide", "mpi tasks", "mpi merge", "mpi split", "mpi move",
    "mpi undo", "mpi approve", "mpi consent", "mpi expunge approve", "mpi expunge refuse",
    "mpi unseal approve", "mpi unseal refuse", "mpi scope split", "mpi export id-map", "mpi holdings apply",
    "mpi holdings approve", "mpi holdings ask", "mpi holdings list", "mpi db orders",
    "mpi export crosswalk", "mpi export labels", "mpi export school-record", "mpi sample", "mpi blocks",
    "mpi verify", "mpi rebuild",
    "mpi quality --current", "mpi report --current", "mpi calibration", "mpi digest send",
    "mpi audit export", "mpi audit lines", "mpi audit link", "mpi audit prove", "mpi audit students",
    "mpi audit verify", "mpi audit events",
    # Reports on children, for who may read every record.
    "report waterfall", "report populations", "report combinations", "report outcomes",
    "report trend", "report reconciliation",
    # Splink's charts: those of records for who may read every record and question.
    "report splink-charts",
    # Released reports on children: small counts hidden, for named readers who write no record.
    "GET /v1/reports/{report_name}", "GET /reports/{report_name}", "GET /reports/{report_name}.csv",
    # What a source's own files held.
    "mpi map", "mpi watch",
    "mpi merges import", "mpi merges take-back", "mpi caseload", "mpi child-items",
    # Own students and children, each of whom the reader may open.
    "GET /v1/students-in-care", "GET /v1/children-in-care", "GET /students-in-care",
    "GET /students-in-care.csv", "GET /my-children", "GET /my-children.csv",
    "GET /my-children/{eid}/case-plan",
    "GET /local-match", "POST /local-match", "POST /enroll-today", "POST /v1/local-match",
    "POST /v1/enroll-today",
    "mpi pull", "mpi write-ids",
    "GET /files", "POST /files", "GET /files/{upload}", "POST /files/{upload}",
    "GET /files/{upload}/mapping.toml",
    "report loads", "GET /loads", "GET /loads/{number}", "GET /loads/{number}/rejects.csv",
    "GET /loads/{number}/undo", "POST /loads/{number}/undo", "POST /v1/sources/{source}/loads",
    "GET /v1/loads", "GET /v1/loads/{number}", "GET /v1/loads/{number}/rejects",
    "GET /v1/sources/{source}/issues", "GET /v1/sources/{source}/issue-counts", "GET /issues",
    "GET /issues.csv", "mpi issues",
    "POST /v1/sources/{source}/tickets", "POST /v1/sources/{source}/tickets/{number}:close",
    "POST /v1/sources/{source}/caseload", "POST /v1/sources/{source}/child-items",
    "GET /v1/sources/{source}/tickets", "mpi ticket open", "mpi ticket list", "mpi ticket close",
)  # fmt: skip

_PUBLISHED: tuple[str, ...] = (
    "mpi metrics",
    # The page for the public; without figures unless a setting shows them.
    "GET /transparency", "report transparency",
    "report summary", "report sources", "report overlap", "report creates", "mpi report",
    # Whether the records are like those of the model, and whether there are too many for it.
    "GET /readyz", "GET /health",
)  # fmt: skip

_PUBLISHED_AND_NAMED: tuple[str, ...] = (
    # Numbers of records are published. What the last file of a source held is named.
    "GET /sources", "POST /sources", "GET /sources/{source}", "POST /sources/{source}",
    # The match rate is published. The rest, and how records differ from those of the model, is named for who
    # may read every question, else published.
    "GET /v1/quality", "GET /v1/quality/forecast", "GET /quality", "mpi quality",
    # What a source states is named. How often other agencies agree is published.
    "GET /v1/sources/{source}/scorecard", "GET /scorecard",
)  # fmt: skip

_SERVICE: tuple[str, ...] = (
    # Answers that left because of a wrong link, for who reads the ledger.
    "GET /v1/ledger", "POST /v1/ledger/link-disclosures", "GET /v1/incidents", "GET /v1/incidents/{code}",
    "POST /v1/incidents/{code}:send", "POST /v1/incidents/{code}:acknowledge",
    "POST /v1/incidents/{code}:close", "GET /incidents", "GET /incidents/{code}", "POST /incidents/{code}",
    "mpi incident list", "mpi incident show", "mpi incident send", "mpi incident acknowledge",
    "mpi incident close", "GET /ledger/link", "POST /ledger/link",
    "mpi agreement refusals", "GET /ledger", "GET /ledger.csv", "GET /metrics", "metric mpi_http_requests",
    "metric mpi_http_request_duration_seconds",
)  # fmt: skip

FIGURE_CLASSES: Mapping[str, frozenset[FigureClass]] = MappingProxyType(
    {name: frozenset() for name in _NONE}
    | {name: frozenset({FigureClass.NAMED}) for name in _NAMED}
    | {name: frozenset({FigureClass.PUBLISHED}) for name in _PUBLISHED}
    | {name: frozenset({FigureClass.PUBLISHED, FigureClass.NAMED}) for name in _PUBLISHED_AND_NAMED}
    | {name: frozenset({FigureClass.SERVICE}) for name in _SERVICE}
)
"""Classes of figures by route (``GET /path``), command, report and metric; empty for no figure."""
