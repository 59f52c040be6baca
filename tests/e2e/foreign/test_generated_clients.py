"""Clients that generators make of the OpenAPI document compile, and send and read records."""

import json
import subprocess
import venv
from pathlib import Path

import pytest

from mpi.api.app import create_app
from tests.index import make_child, open_test_index
from tests.unit.api.live import add_key, serving

pytestmark = pytest.mark.slow

RECORD = {name: value for name, value in make_child().items() if name != "local_id"}
PYTHON_CALLS = """
import json, sys
from master_person_index_client import AuthenticatedClient
from master_person_index_client.api.persons import get_person, search_persons
from master_person_index_client.api.records import put_record
from master_person_index_client.models import CanonicalRecord, ProblemOut

url, key, record = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with AuthenticatedClient(base_url=url, token=key) as client:
    sent = put_record.sync("D01", "1", client=client, body=CanonicalRecord.from_dict(record))
    person = get_person.sync_detailed(sent.enterprise_id, client=client)
    assert person.headers["etag"] and person.headers["x-request-id"]
    [found] = search_persons.sync(client=client, body=CanonicalRecord.from_dict(record))
    assert found.enterprise_id == person.parsed.enterprise_id == sent.enterprise_id
    missing = put_record.sync("NOBODY", "1", client=client, body=CanonicalRecord.from_dict(record))
    assert isinstance(missing, ProblemOut) and missing.type_ == "urn:mpi:problem:access-denied", missing
print(sent.enterprise_id)
"""
TYPESCRIPT_CALLS = """
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

const [url, key, text] = process.argv.slice(2);
const record: components["schemas"]["CanonicalRecord"] = JSON.parse(text);
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });
const path = { source: "D01", local_id: "2" };
const sent = await client.PUT("/v1/sources/{source}/records/{local_id}", { params: { path }, body: record });
if (!sent.data?.enterprise_id) throw new Error(sent.error?.detail);
const person = await client.GET("/v1/persons/{eid}", { params: { path: { eid: sent.data.enterprise_id } } });
if (person.data?.enterprise_id !== sent.data.enterprise_id) throw new Error("another person");
const missing = await client.GET("/v1/persons/{eid}", { params: { path: { eid: "T7K3-M92Q-X0HN" } } });
if (missing.error?.type !== "urn:mpi:problem:not-found") throw new Error(String(missing.error?.type));
console.log(sent.data.enterprise_id);
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(create_app(None).openapi()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("index"), "D01") as index:
        key = add_key(index, "vendor", sources=["D01"])
        with serving(create_app(index)) as url:
            yield url, key


def run(*command: object, folder: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_python_client_is_generated_and_sends_and_reads_records(tmp_path, document, server):
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    run(programs / "pip", "install", "--quiet", "openapi-python-client==0.29.1", folder=tmp_path)
    warnings = run(
        programs / "openapi-python-client", "generate", "--path", document, "--output-path", "made",
        folder=tmp_path,
    )  # fmt: skip
    # The generator has no newline-delimited JSON; every other operation is there.
    assert warnings.count("Endpoint will not be generated") == warnings.count("POST /v1/records:bulk") == 1
    run(programs / "python", "-m", "compileall", "-q", "made", folder=tmp_path)
    enterprise_id = run(
        programs / "python", "-c", PYTHON_CALLS, *server, json.dumps(RECORD), folder=tmp_path / "made"
    )
    assert enterprise_id.startswith("T")


def test_typescript_client_compiles_and_sends_and_reads_records(tmp_path, document, server):
    packages = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@24")
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", *packages, folder=tmp_path)
    run("npx", "openapi-typescript", document, "-o", "api.d.ts", folder=tmp_path)
    (tmp_path / "calls.ts").write_text(TYPESCRIPT_CALLS, encoding="utf-8")
    run(
        "npx", "tsc", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler",
        "calls.ts", folder=tmp_path,
    )  # fmt: skip
    enterprise_id = run("node", "calls.js", *server, json.dumps(RECORD), folder=tmp_path)
    assert enterprise_id.startswith("T")
