"""Stand-in for an Ed-Fi API: an HTTP server on loopback with Change Queries and OAuth 2.

It follows the client guides of ODS/API 7.3 and of Ed-Fi API 8: pages by offset or token, windows of change
versions, tombstones, key changes, entity tags. ``before_answer`` lets a test change data between two pages.
"""

import base64
import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from mpi.connectors.connection import Connection, SignIn, SignInKind

SECRET = "s%cret"  # pragma: allowlist secret - of a stand-in on loopback
D = "uri://ed-fi.org/"
_PAGING = frozenset({
    "limit", "offset", "totalCount", "pageToken", "pageSize", "minChangeVersion", "maxChangeVersion",
})  # fmt: skip


_KINDS = frozenset({"", "deletes", "keyChanges"})


class EdfiServer:
    """An Ed-Fi API.

    Args:
        standard: version of its data standard.
        has_tokens: whether it offers tokens of pages.
        has_changes: whether it offers Change Queries.
    """

    def __init__(self, standard="5.2.0", *, has_tokens=False, has_changes=True):
        self.standard, self.has_tokens, self.has_changes = standard, has_tokens, has_changes
        self.largest_page = 500
        self.credentials = "mpi:s%25cret"  # pragma: allowlist secret - of a stand-in on loopback
        self.base = "/api"
        self.url = ""
        self.version = 0
        self.items = {}  # resource -> {id: [version, item]}, in the order of creation
        self.ranks = {}  # number of each item, in the order of creation
        self.deleted = []  # (version, resource, id, keys)
        self.key_changes = []
        self.forbidden = set()
        self.answers = []  # (status, headers) of the next answers
        self.tokens = set()
        self.calls_of_token = 0
        self.requests = []  # (method, path, parameters, headers, body)
        self.before_answer = lambda *_: None
        self.before_write = lambda *_: None

    def connect(self, **options):
        """Return a connection to the API."""
        version = options.pop("version", "")
        sign_in = SignIn(SignInKind.OAUTH2, "mpi", SECRET, f"{self.url}/oauth/token")
        return Connection("edfi.toml", "edfi", "sis", self.url, sign_in, version, options)

    def put(self, resource, **item):
        """Store an item, in place of one with its ID; return the ID."""
        self.version += 1
        key = item.setdefault("id", uuid.uuid4().hex)
        self.ranks.setdefault(key, len(self.ranks))
        self.items.setdefault(resource, {})[key] = [self.version, item]
        return key

    def put_student(self, key, **values):
        """Store a student by its unique ID, in place of one who has it; return the resource's ID."""
        for number, (_, item) in self.items.get("students", {}).items():
            if item["studentUniqueId"] == key:
                values["id"] = number
        student = {
            "studentUniqueId": key,
            "firstName": f"Ana{key}",
            "lastSurname": "Ek",
            "birthDate": "2014-11-13",
        }
        return self.put("students", **student | values)

    def put_contact(self, student, contact, **values):
        """Store a contact and its association with a student."""
        name = "contact" if self.standard >= "5" else "parent"
        self.put(
            f"{name}s",
            **{f"{name}UniqueId": contact, "firstName": f"Bo{contact}", "lastSurname": "Ek"} | values,
        )
        self.put(
            f"student{name.title()}Associations",
            **{f"{name}Reference": {f"{name}UniqueId": contact}},
            studentReference={"studentUniqueId": student}, relationDescriptor=f"{D}RelationDescriptor#Mother",
        )  # fmt: skip

    def describe(self, resource, student, organization=255901, **values):
        """Store what an education organization says of a student; return the resource's ID."""
        return self.put(
            resource, studentReference={"studentUniqueId": student},
            educationOrganizationReference={"educationOrganizationId": organization}, **values,
        )  # fmt: skip

    def enroll(self, student, school=255901001, **values):
        """Store an enrollment; return the resource's ID."""
        return self.put(
            "studentSchoolAssociations", studentReference={"studentUniqueId": student},
            schoolReference={"schoolId": school}, entryDate="2025-08-20", **values,
        )  # fmt: skip

    def delete(self, resource, key):
        """Delete an item, and leave a tombstone."""
        self.version += 1
        _, item = self.items[resource].pop(key)
        keys = {name: value for name, value in item.items() if name.endswith("UniqueId")}
        for value in item.values():
            if isinstance(value, dict):
                keys |= value
        self.deleted.append((self.version, resource, key, keys))

    def delete_student(self, student):
        """Delete a student with all that refers to the student."""
        for resource, items in list(self.items.items()):
            for key, (_, item) in list(items.items()):
                if student in (
                    item.get("studentUniqueId"),
                    item.get("studentReference", {}).get("studentUniqueId"),
                ):
                    self.delete(resource, key)

    def rename_student(self, old, new):
        """Give a student another unique ID, in all that refers to the student."""
        for resource, items in self.items.items():
            for key, (_, item) in list(items.items()):
                if item.get("studentUniqueId") == old:
                    self.put(resource, **item | {"studentUniqueId": new})
                    self.version += 1
                    self.key_changes.append((self.version, key, old, new))
                elif item.get("studentReference", {}).get("studentUniqueId") == old:
                    self.put(resource, **item | {"studentReference": {"studentUniqueId": new}})

    def answer(self, method, path, parameters, headers, body):
        """Return the status, headers and values of an answer."""
        self.requests.append((method, path, parameters, headers, body))
        if path == f"{self.base}/oauth/token":
            return self._sign_in(headers, body)
        if self.answers:
            status, extra = self.answers.pop(0)
            return status, extra, {"detail": "out of order"}
        if path == self.base or not self._is_signed_in(headers):
            return (200, {}, self._describe_api()) if path == self.base else (401, {}, {})
        if path == f"{self.base}/changeQueries/v1/availableChangeVersions":
            return (
                (200 if self.has_changes else 404),
                {},
                {"oldestChangeVersion": 0, "newestChangeVersion": self.version},
            )
        resource = path.removeprefix(f"{self.base}/data/v3/ed-fi/")
        self.before_answer(resource, parameters)
        if resource in self.forbidden:
            return 403, {}, {"detail": "not authorized"}
        is_read = method == "GET"
        return self._list(resource, parameters) if is_read else self._write(method, resource, headers, body)

    def _is_signed_in(self, headers):
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return False
        if self.calls_of_token:
            self.calls_of_token -= 1
            if not self.calls_of_token:
                self.tokens.clear()
        return True

    def _describe_api(self):
        # Behind a proxy, an API may state addresses that only it can call.
        inner = f"http://inner.example:8080{self.base}"
        urls = {"dataManagementApi": f"{inner}/data/v3/", "changeQueries": f"{inner}/changeQueries/v1/"}
        return {"version": "7.3", "dataModels": [{"name": "Ed-Fi", "version": self.standard}], "urls": urls}

    def _sign_in(self, headers, body):
        sent = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
        if sent != self.credentials or dict(parse_qsl(body)) != {"grant_type": "client_credentials"}:
            return 401, {}, {}
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return 200, {}, {"access_token": token, "expires_in": 1_800, "token_type": "bearer"}

    def _list(self, resource, parameters):
        name, _, kind = resource.partition("/")
        if not self._knows(name) or (kind not in self.items.get(name, {}) and kind not in _KINDS):
            return 404, {}, {}
        if kind not in _KINDS:
            version, item = self.items[name][kind]
            return 200, {"ETag": f'"{version}"'}, item
        rows = {"deletes": self._list_deletes, "keyChanges": self._list_key_changes}.get(
            kind, self._list_items
        )(name, parameters)
        first = int(parameters.get("minChangeVersion", 0))
        last = int(parameters.get("maxChangeVersion", 2**62))
        return self._cut([row for row in rows if first <= row[0] <= last], parameters)

    def _list_items(self, name, parameters):
        return [
            (version, item | {"_etag": str(version), "_lastModifiedDate": "2026-12-01T00:00:00Z"})
            for version, item in self.items.get(name, {}).values()
            if _fits(item, parameters)
        ]

    def _list_deletes(self, name, _):
        return [
            (version, {"id": key, "changeVersion": version, "keyValues": keys})
            for version, of, key, keys in self.deleted
            if of == name
        ]

    def _list_key_changes(self, name, _):
        return [
            (version, {"id": key, "changeVersion": version, "oldKeyValues": {"studentUniqueId": old},
                       "newKeyValues": {"studentUniqueId": new}})
            for version, key, old, new in self.key_changes
            if name == "students"
        ]  # fmt: skip

    def _knows(self, name):
        major = int(self.standard.split(".")[0])
        is_new = name in {"studentDemographics", "studentDirectories", "studentIdentificationCodes"}
        is_old = name in {"parents", "studentParentAssociations"}
        is_contact = name in {"contacts", "studentContactAssociations"}
        return not (is_new and major < 6) and not (is_old and major >= 5) and not (is_contact and major < 5)

    def _cut(self, rows, parameters):
        token, offset = parameters.get("pageToken"), int(parameters.get("offset", 0))
        size = int(parameters.get("pageSize" if token else "limit", 25))
        if size > self.largest_page or (token and parameters.keys() & {"limit", "offset", "totalCount"}):
            return 400, {}, {"detail": "bad paging"}
        ids = [item["id"] for _, item in rows]
        if token:
            # A token says behind which item to go on, even if that one is gone.
            offset = next(
                (n for n, (_, item) in enumerate(rows) if self.ranks[item["id"]] > int(token)), len(rows)
            )
        page = rows[offset : offset + size]
        headers = {"Total-Count": str(len(ids))} if parameters.get("totalCount", "").lower() == "true" else {}
        if self.has_tokens and page:
            headers["Next-Page-Token"] = str(self.ranks[page[-1][1]["id"]])
        return 200, headers, [item for _, item in page]

    def _write(self, method, resource, headers, body):
        item = json.loads(body)
        name, _, key = resource.partition("/")
        self.before_write(name)
        stored = self.items.setdefault(name, {})
        if method == "POST":
            if "id" in item:
                return 400, {}, {"detail": "id"}
            same = [key for key, (_, other) in stored.items() if _natural_key(other) == _natural_key(item)]
            self.put(name, **item, **({"id": same[0]} if same else {}))
            return (200 if same else 201), {}, None
        if key not in stored:
            return 404, {}, {}
        if headers.get("if-match", str(stored[key][0])).strip('"') != str(stored[key][0]):
            return 412, {}, {"detail": "changed"}
        self.put(name, **item | {"id": key})
        return 204, {}, None


def _natural_key(item):
    references = {name: value for name, value in item.items() if name.endswith("Reference")}
    plain = [
        {key: text for key, text in value.items() if key != "link"} for _, value in sorted(references.items())
    ]
    return json.dumps([plain, item.get("studentIdentificationSystemDescriptor")], sort_keys=True)


def _fits(item, parameters):
    """Return whether an item has the values of a filter, itself or in its references."""
    flat = dict(item)
    for value in item.values():
        if isinstance(value, dict):
            flat |= value
    return all(
        str(flat.get(name, "")).lower() == value.lower()
        for name, value in parameters.items()
        if name not in _PAGING
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    disable_nagle_algorithm = True

    def _serve(self):
        parts = urlsplit(self.path)
        parameters = {
            name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0))).decode()
        with self.server.lock:
            answered = self.server.api.answer(self.command, parts.path.rstrip("/"), parameters, headers, body)
        status, extra, values = answered
        content = b"" if values is None else json.dumps(values).encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = _serve  # noqa: N815 - names that http.server calls
    do_POST = _serve  # noqa: N815
    do_PUT = _serve  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def serve_edfi(api):
    """Serve an Ed-Fi API on loopback while the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.api, server.lock = api, threading.Lock()
    api.url = f"http://127.0.0.1:{server.server_address[1]}{api.base}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
