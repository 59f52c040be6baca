"""Stand-in for a OneRoster system: an HTTP server on loopback with OAuth 1 or OAuth 2.

It filters by ``dateLastModified``, sorts, pages by limit and offset, and sends ``Link`` and
``X-Total-Count``. Tests change its records, let answers fail, and act between two pages.
"""

import json
import re
import secrets
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, unquote_plus, urlencode, urlsplit

from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint

from mpi.connectors.connection import Connection, SignIn, SignInKind

CLIENT_ID, CLIENT_SECRET = "mpiclient", "a secret of the stand-in/+"
_NAMES = {"students": "users"}
_SINGLE_NAMES = {"students": "user", "users": "user", "demographics": "demographics", "orgs": "org"}
_CHANGED_SINCE = re.compile(r"dateLastModified>='([^']+)'")


class _Validator(RequestValidator):
    """Checks of OAuth 1, as oauthlib asks for them."""

    enforce_ssl = False
    allowed_signature_methods = ("HMAC-SHA256",)
    client_key_length = (3, 60)
    nonce_length = (8, 60)
    dummy_client = "nobody"

    def __init__(self):
        super().__init__()
        self.used = set()

    def validate_client_key(self, client_key, _request):
        return client_key == CLIENT_ID

    def get_client_secret(self, client_key, _request):
        return CLIENT_SECRET if client_key == CLIENT_ID else "nothing"

    def validate_timestamp_and_nonce(self, _client_key, timestamp, nonce, *_further, **_tokens):
        is_new = (timestamp, nonce) not in self.used
        self.used.add((timestamp, nonce))
        return is_new


@dataclass
class OneRosterServer:
    """Records of the system, and what it does.

    Attributes:
        secret: the client's secret for OAuth 2.
        users: users by ``sourcedId``; so are the other lists.
        page_limit: most items of a page.
        granted: lists that a client may read.
        token_uses: calls after which a token has expired.
        answers: (status, headers) of the next calls, before it answers as it should.
        before_answer: called with the list's name before each answer.
        sends_links, sends_total: whether it says how its pages go on.
        extra_headers: headers of each answer besides the right ones.
        link: the header that says where the next page is, instead of the right one.
        repeats_page: whether it answers every page by the first one.
        requests: path and query of each call.
    """

    version: str = "1.2"
    url: str = ""
    secret: str = CLIENT_SECRET
    users: dict = field(default_factory=dict)
    demographics: dict = field(default_factory=dict)
    orgs: dict = field(default_factory=dict)
    enrollments: dict = field(default_factory=dict)
    page_limit: int = 10_000
    granted: set = field(default_factory=lambda: {"students", "users", "demographics", "orgs", "enrollments"})
    token_uses: int = 1_000
    answers: list = field(default_factory=list)
    before_answer: object = lambda _name: None
    sends_links: bool = True
    sends_total: bool = True
    extra_headers: dict = field(default_factory=dict)
    link: str = ""
    repeats_page: bool = False
    requests: list = field(default_factory=list)
    tokens: dict = field(default_factory=dict)
    now: str = "2026-09-01T00:00:00.000Z"
    validator: _Validator = field(default_factory=_Validator)

    @property
    def base_path(self):
        return {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}[self.version]

    def connection(self, **changes):
        """Return a connection to it."""
        kind = changes.pop("kind", SignInKind.OAUTH2)
        values = {
            "name": "district.toml",
            "system": "oneroster",
            "version": self.version,
            "source": "sis",
            "url": self.url,
            "sign_in": SignIn(kind, CLIENT_ID, CLIENT_SECRET, f"{self.url}/token"),
        }
        return Connection(**values | changes)

    def put(self, name, item):
        """Add or change an item now."""
        changed = {"status": "active"} | item | {"dateLastModified": self.now}
        getattr(self, name)[item["sourcedId"]] = changed

    def add_student(self, number, **changes):
        """Add a student with demographics, in the form of the version."""
        key = changes.pop("key", f"s{number:03}")
        org = {"href": f"{self.url}/orgs/school-1", "sourcedId": "school-1", "type": "org"}
        user = {
            "sourcedId": key,
            "enabledUser": "true",
            "username": f"user{number}",
            "userIds": [{"type": "LDAP", "identifier": "x"}, {"type": "SSID", "identifier": f"9{number:08}"}],
            "givenName": f"Amara{chr(97 + number % 26)}",
            "familyName": f"Okonkwo{chr(97 + number // 26 % 26)}{chr(97 + number // 676)}",
            "middleName": "B",
            "identifier": f"{number:06}",
            "email": f"s{number}@example.org",
            "agents": [],
            "grades": ["03"],
        }
        if self.version == "1.1":
            user |= {"role": "student", "orgs": [org]}
        else:
            user |= {"roles": [{"roleType": "primary", "role": "student", "org": org}]}
        self.put("users", user | changes)
        birth_date = f"20{10 + number % 9}-{1 + number % 12:02}-{1 + number % 28:02}"
        self.put(
            "demographics", {"sourcedId": key, "birthDate": birth_date, "sex": "female", "white": "true"}
        )

    def add_schools(self):
        """Add a school of a district."""
        district = {"sourcedId": "district-1", "name": "District", "type": "district", "identifier": "D-77"}
        parent = {"href": f"{self.url}/orgs/district-1", "sourcedId": "district-1", "type": "org"}
        school = {"sourcedId": "school-1", "name": "School", "type": "school", "identifier": "S-12"}
        self.put("orgs", district)
        self.put("orgs", school | {"parent": parent})

    def enroll(self, student, begin, end=None, key="e1"):
        """Enroll a student in a class of the school."""
        item = {
            "sourcedId": key,
            "role": "student",
            "user": {"sourcedId": student, "type": "user"},
            "school": {"sourcedId": "school-1", "type": "org"},
            "class": {"sourcedId": "class-1", "type": "class"},
            "beginDate": begin,
        }
        self.put("enrollments", item | ({"endDate": end} if end else {}))

    def delete(self, name, key):
        """Mark an item as to be deleted."""
        self.put(name, getattr(self, name)[key] | {"status": "tobedeleted"})

    def find(self, name):
        """Return the items of a list, sorted by ID."""
        items = sorted(getattr(self, _NAMES.get(name, name)).values(), key=lambda item: item["sourcedId"])
        return [item for item in items if name != "students" or _is_student(item)]


def _is_student(user):
    return user.get("role") == "student" or any(role["role"] == "student" for role in user.get("roles", ()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    @property
    def system(self) -> OneRosterServer:
        return self.server.system

    def do_POST(self):
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
        given = [unquote_plus(part) for part in b64decode(credentials).decode().split(":")]
        is_known = kind == "Basic" and given == [CLIENT_ID, self.system.secret]
        if not is_known or body.get("grant_type") != ["client_credentials"]:
            return self.answer(401, {"error": "invalid_client"})
        token = secrets.token_hex(8)
        self.system.tokens[token] = self.system.token_uses
        return self.answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def do_GET(self):
        system, parts = self.system, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        system.requests.append((parts.path, query))
        if system.answers:
            status, headers = system.answers.pop(0)
            return self.answer(status, {}, headers)
        if not self.is_signed_in():
            return self.answer(401, {})
        name, _, key = parts.path.removeprefix(f"{system.base_path}/").partition("/")
        if name not in system.granted:
            return self.answer(403, {"imsx_codeMajor": "failure"})
        system.before_answer(name)
        if key:
            item = {item["sourcedId"]: item for item in system.find(name)}.get(unquote(key))
            return self.answer(404, {}) if item is None else self.answer(200, {_SINGLE_NAMES[name]: item})
        return self.answer_page(name, query)

    def answer_page(self, name, query):
        system = self.system
        items = system.find(name)
        if since := _CHANGED_SINCE.fullmatch(query.get("filter", "")):
            items = [item for item in items if item["dateLastModified"] >= since[1]]
        limit = min(int(query.get("limit", 100)), system.page_limit)
        offset = 0 if system.repeats_page else int(query.get("offset", 0))
        headers = {"X-Total-Count": str(len(items))} if system.sends_total else {}
        if system.sends_links:
            first = urlencode(query | {"limit": limit, "offset": 0})
            links = [f'<{system.url}{system.base_path}/{name}?{first}>; rel="first"']
            if system.repeats_page or offset + limit < len(items):
                following = urlencode(query | {"limit": limit, "offset": offset + limit})
                links.append(f'<{system.url}{system.base_path}/{name}?{following}>; rel="next"')
            headers["Link"] = system.link or ", ".join(links)
        self.answer(200, {_NAMES.get(name, name): items[offset : offset + limit]}, headers)

    def is_signed_in(self):
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind == "OAuth":
            endpoint = SignatureOnlyEndpoint(self.system.validator)
            url = f"{self.system.url}{self.path}"
            return endpoint.validate_request(url, "GET", None, dict(self.headers))[0]
        self.system.tokens[token] = self.system.tokens.get(token, 0) - 1
        return self.system.tokens[token] >= 0

    def answer(self, status, content, headers=None):
        body = json.dumps(content).encode()
        headers = (headers or {}) | self.system.extra_headers
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@contextmanager
def serve_oneroster(version="1.2"):
    """Serve a stand-in without records."""
    system = OneRosterServer(version)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.system = system
        system.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield system
        finally:
            server.shutdown()
            thread.join()
