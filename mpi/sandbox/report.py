"""Scenarios for a vendor, and the report on its program."""

from collections.abc import Sequence
from typing import Any

from mpi.domain.errors import MpiError
from mpi.domain.record_ref import RecordRef
from mpi.sandbox.call_log import Call
from mpi.sandbox.magic_records import RECORDS_TO_SEND
from mpi.sandbox.scenarios import PENDING, SCENARIOS
from mpi.sandbox.steward import Steward


def describe_scenarios() -> list[dict[str, Any]]:
    """Return each scenario with the record to send, for JSON."""
    described = []
    for scenario in SCENARIOS:
        source, record = (
            (None, None) if scenario.name is None else RECORDS_TO_SEND.get(scenario.name, (None, None))
        )
        described.append(
            {
                "scenario": scenario.code,
                "task": scenario.task,
                "end": scenario.end,
                "source": source,
                "record": record,
            }
        )
    return described


def make_report(calls: Sequence[Call], steward: Steward) -> list[dict[str, Any]]:
    """Return the result of each scenario: ``passed``, ``failed`` or ``open``.

    Args:
        calls: calls of the vendor's program, oldest first.
        steward: the steward of the sandbox, who knows present IDs.
    """

    def find_id(record: RecordRef) -> str | None:
        try:
            return steward.find_id(record)
        except MpiError:
            return None

    results = []
    for scenario in SCENARIOS:
        fault = scenario.check(calls, find_id)
        result = "passed" if fault is None else "open" if fault == PENDING else "failed"
        reason = scenario.end if result != "failed" else fault
        results.append({"scenario": scenario.code, "result": result, "reason": reason})
    return results
