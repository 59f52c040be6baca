"""Generated calls of every operation, with the rights of each role, get documented answers (schemathesis).

``API_EXAMPLES`` makes more calls of each operation and role than the suite (`scripts/prove-api`), and
``API_SEED`` makes others.
"""

import json
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mpi.api.app import create_app
from mpi.domain.roles import Role
from tests.attacks.attempts import CALLER
from tests.policy.route_matrix import HOUSE, PROGRAM, make_key

EXAMPLES = int(os.environ.get("API_EXAMPLES", "1"))
SEED = int(os.environ.get("API_SEED", "29"))
CALLERS = (PROGRAM, *Role) if "API_EXAMPLES" in os.environ else (PROGRAM, Role.CASEWORKER)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context, value):
    """Write the lines of a bulk call."""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def send_calls(operation, site, headers, attempts):
    """Send generated calls of one operation, and count each answer that is not documented."""

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case):
        case.headers = {**(case.headers or {}), **headers}
        answer = case.call(base_url=site.url, timeout=60)
        faults = []
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            faults = [f"{failure.title}: {failure}" for failure in failures.exceptions]
        attempts.add(is_through=bool(faults), what=(operation.label, answer.status_code, faults))

    send()


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_every_generated_call_gets_a_documented_answer(site, attack, caller, record_property):
    record_property(CALLER, str(caller))
    schema = schemathesis.openapi.from_dict(create_app(None).openapi())
    headers = {"Authorization": f"Bearer {make_key(caller, HOUSE)}"}
    with attack("Generated calls of every operation (schemathesis)") as attempts:
        for result in schema.get_all_operations():
            send_calls(result.ok(), site, headers, attempts)
