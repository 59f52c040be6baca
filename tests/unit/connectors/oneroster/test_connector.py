"""The OneRoster connector against a real HTTP server: sign-in, pages, changes, errors."""

import random

import pytest

from mpi.connectors.api_session import ApiSession
from mpi.connectors.connection import SignIn, SignInKind
from mpi.connectors.oneroster import connector as connector_module
from mpi.connectors.oneroster.connector import OneRosterConnector
from mpi.domain.errors import InputError, RemoteSystemError
from tests.oneroster_server import CLIENT_ID, OneRosterServer, serve_oneroster

STATE_ID = {"state_id": {"assigner": "OH", "user_id_type": "SSID"}}


class Sink:
    """Records what a connector gives."""

    def __init__(self):
        self.rows, self.rejects, self.removed = [], [], []

    def add(self, fields):
        self.rows.append(dict(fields))

    def reject(self, reason, _detail, local_id=None):
        self.rejects.append((reason, local_id))

    def remove(self, local_id):
        self.removed.append(local_id)

    @property
    def ids(self):
        return sorted({row["local_id"] for row in self.rows})


@pytest.fixture(params=["1.1", "1.2"])
def system(request):
    with serve_oneroster(request.param) as system:
        yield system


@pytest.fixture
def system_1_2():
    with serve_oneroster("1.2") as system:
        yield system


@pytest.fixture
def waits():
    return []


@pytest.fixture
def pull(waits):
    """Pull from a stand-in; returns the sink and the result."""

    def run(system, cursor=None, kind=SignInKind.OAUTH2, **options):
        connection = system.connection(kind=kind, options=options)
        connector = OneRosterConnector(connection, lambda each: ApiSession(each, wait=waits.append))
        sink, seen = Sink(), []
        result = connector.pull(cursor, sink, lambda *progress: seen.append(progress))
        return sink, result

    return run


def test_student_becomes_a_canonical_row(system, pull):
    system.add_schools()
    system.add_student(7)
    system.enroll("s007", "2025-08-15", "2026-05-30", key="e1")
    system.enroll("s007", "2024-08-15", "2025-05-30", key="e2")
    sink, result = pull(system, student_number_assigner="district_a", **STATE_ID)
    assert result.is_full
    assert sink.rows == [
        {
            "local_id": "s007",
            "first_name": "Amarah",
            "middle_name": "B",
            "last_name": "Okonkwoaa",
            "email": "s7@example.org",
            "birth_date": "2017-08-08",
            "sex": "female",
            "race": ["White"],
            "identifiers": [
                {"system": "state_student_id", "assigner": "OH", "value": "900000007"},
                {"system": "local_student_id", "assigner": "district_a", "value": "000007"},
            ],
            "enrollments": [
                {
                    "school_id": "S-12",
                    "district_id": "D-77",
                    "grade": "03",
                    "entry_date": "2024-08-15",
                    "exit_date": "2026-05-30",
                }
            ],
        }
    ]


def test_state_id_may_be_in_metadata_or_identifier(system, pull):
    system.add_student(1, metadata={"edfi": {"key": {"studentUniqueId": "U-1"}}, "plain.name": "P-1"})
    for place, value in (
        ({"metadata": "edfi.key.studentUniqueId"}, "U-1"),
        ({"metadata": "plain.name"}, "P-1"),
        ({"identifier": True}, "000001"),
    ):
        sink, _ = pull(system, state_id={"assigner": "OH"} | place)
        assert [identifier["value"] for identifier in sink.rows[0]["identifiers"]] == [value]


def test_guardians_are_read_only_where_the_connection_says_so(system, pull):
    guardian = {"sourcedId": "g1", "givenName": "Ngozi", "familyName": "Okonkwo"}
    role = {"role": "guardian"} if system.version == "1.1" else {"roles": [{"role": "guardian"}]}
    system.put("users", guardian | role | {"agents": [{"sourcedId": "s001", "type": "user"}]})
    system.add_student(1, agents=[{"sourcedId": "g1", "type": "user"}, {"sourcedId": "unknown"}])
    without, _ = pull(system)
    assert "guardians" not in without.rows[0]
    assert not any(path.endswith("/users") for path, _ in system.requests)
    sink, _ = pull(system, guardians=True)
    expected = {
        "guardian_first_name": "Ngozi",
        "guardian_last_name": "Okonkwo",
        "guardian_relationship": "guardian",
    }
    assert sink.rows[0]["guardians"] == [expected]
    system.now = "2026-09-09T00:00:00.000Z"
    system.put("users", system.users["g1"] | {"givenName": "Ada"})
    changed, _ = pull(system, cursor="2026-09-08T00:00:00Z", guardians=True)
    assert changed.rows[0]["guardians"][0]["guardian_first_name"] == "Ada"


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("total", [True, False])
def test_all_pages_are_read_however_the_system_says_that_there_are_more(system_1_2, pull, links, total):
    system = system_1_2
    for number in range(23):
        system.add_student(number)
    system.sends_links, system.sends_total = links, total
    system.page_limit = 5
    sink, _ = pull(system, page_size=7)
    assert sink.ids == sorted(system.users)
    system.page_limit = 1
    assert pull(system)[0].ids == sorted(system.users)


def test_no_student_is_missed_if_others_are_deleted_while_pages_are_read(system_1_2, pull):
    system = system_1_2
    for number in range(30):
        system.add_student(number)
    doomed = iter(["s001", "s003", "s009"])

    def drop_one(name):
        if name == "students" and (key := next(doomed, None)):
            system.users.pop(key, None)

    pages = []

    def drop_later(name):
        if name == "students":
            pages.append(name)
            if len(pages) in (2, 3, 4):
                drop_one(name)

    system.before_answer = drop_later
    sink, _ = pull(system, page_size=10)
    assert set(system.users) <= set(sink.ids)


def test_list_that_moves_a_little_is_not_read_again(system_1_2, pull):
    system = system_1_2
    for number in range(60):
        system.add_student(number)
    pages = []

    def drop(name):
        pages.append(name)
        if pages.count("students") == 4:
            system.users.pop("s001", None)

    system.before_answer = drop
    sink, _ = pull(system, page_size=10)
    assert set(system.users) <= set(sink.ids)
    path = f"{system.base_path}/students"
    offsets = [query["offset"] for asked, query in system.requests if asked == path]
    assert offsets[:6] == ["0", "9", "18", "27", "17", "26"]


def test_last_item_of_a_page_that_is_deleted_makes_the_list_be_read_again(system_1_2, pull):
    system = system_1_2
    for number in range(30):
        system.add_student(number)
    pages = []

    def drop(name):
        pages.append(name)
        if pages.count("students") == 2:
            system.users.pop("s009", None)

    system.before_answer = drop
    sink, _ = pull(system, page_size=10)
    assert set(system.users) <= set(sink.ids)


@pytest.mark.parametrize("seed", range(12))
def test_no_student_is_missed_whatever_changes_between_pages(system_1_2, pull, seed):
    system, draw = system_1_2, random.Random(seed)
    for number in range(0, 80, 2):
        system.add_student(number)
    system.sends_total, system.sends_links = draw.random() < 0.5, draw.random() < 0.5
    system.page_limit = draw.randint(3, 12)
    stays = set(system.users)

    def change(name):
        for _ in range(draw.choice([0, 0, 1, 2]) if name == "students" else 0):
            if draw.random() < 0.6 and system.users:
                key = draw.choice(sorted(system.users))
                del system.users[key]
                stays.discard(key)
            else:
                system.add_student(draw.randrange(1, 80, 2))

    system.before_answer = change
    try:
        sink, _ = pull(system, page_size=10)
    except RemoteSystemError as error:
        assert "quiet" in str(error)  # noqa: PT017 - both ends are right
    else:
        assert stays <= set(sink.ids)


def test_list_that_always_moves_is_given_up(system_1_2, pull):
    system = system_1_2
    for number in range(400):
        system.add_student(number)

    def drop_half(name):
        if name == "students":
            for key in sorted(system.users)[:40]:
                del system.users[key]

    system.before_answer = drop_half
    with pytest.raises(RemoteSystemError, match="quiet"):
        pull(system, page_size=10)


@pytest.mark.parametrize("total", [True, False])
def test_page_that_repeats_is_an_error_and_not_an_endless_pull(system_1_2, pull, total):
    for number in range(10):
        system_1_2.add_student(number)
    system_1_2.sends_total, system_1_2.repeats_page = total, True
    with pytest.raises(RemoteSystemError, match="do not continue each other"):
        pull(system_1_2, page_size=4)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ('<https://elsewhere.example/students?page=2>; rel="next"', "leads away"),
        ('<http://[bad>; rel="next"', "no address"),
        ("<" * 9_000, "longer than"),
    ],
)
def test_hostile_link_is_not_followed(system_1_2, pull, link, message):
    system_1_2.add_student(1)
    system_1_2.add_student(2)
    system_1_2.add_schools()
    system_1_2.link = link
    with pytest.raises(RemoteSystemError, match=message):
        pull(system_1_2)


def test_answer_that_cannot_be_decompressed_is_an_error_of_the_system(system_1_2, pull):
    system_1_2.extra_headers = {"Content-Encoding": "gzip"}
    with pytest.raises(RemoteSystemError, match="decompressed"):
        pull(system_1_2)


def test_link_without_an_offset_is_followed(system_1_2, pull):
    system = system_1_2
    for number in range(5):
        system.add_student(number)
    path = f"{system.base_path}/students"
    followed = []

    def go_on(name):
        system.link = ""
        if name == "students" and not followed:
            followed.append(name)
            system.link = f'<{path}?limit=10&after=x>; rel="next"'

    system.before_answer = go_on
    sink, _ = pull(system)
    assert sink.ids == sorted(system.users)
    assert (path, {"limit": "10", "after": "x"}) in system.requests


def test_page_that_leads_back_is_an_error(system_1_2, pull):
    for number in range(5):
        system_1_2.add_student(number)
    system_1_2.add_schools()
    system_1_2.link = '<?after=x>; rel="next"'
    with pytest.raises(RemoteSystemError, match="do not continue each other"):
        pull(system_1_2)


def test_changes_since_the_last_pull_are_asked_for_with_an_overlap(system, pull):
    for number in range(5):
        system.add_student(number)
    system.add_schools()
    system.now = "2026-09-02T00:00:00.000Z"
    system.put("users", system.users["s001"] | {"givenName": "New"})
    system.put("demographics", system.demographics["s002"] | {"birthDate": "2011-11-11"})
    system.enroll("s003", "2026-09-02")
    system.delete("users", "s004")
    system.put("demographics", system.demographics["s004"])
    system.put("demographics", {"sourcedId": "a-teacher", "birthDate": "1980-01-01"})
    sink, result = pull(system, cursor="2026-09-02T00:10:00Z", **STATE_ID)
    assert not result.is_full
    assert sink.ids == ["s001", "s002", "s003"]
    assert sink.removed == ["s004"]
    assert not any(path.endswith("/s004") for path, _ in system.requests)
    rows = {row["local_id"]: row for row in sink.rows}
    assert rows["s001"]["first_name"] == "New"
    assert rows["s001"]["birth_date"] == system.demographics["s001"]["birthDate"]
    assert rows["s002"]["birth_date"] == "2011-11-11"
    assert rows["s003"]["enrollments"][0]["entry_date"] == "2026-09-02"
    filters = {query["filter"] for _, query in system.requests if "filter" in query}
    assert filters == {"dateLastModified>='2026-09-01T23:55:00.000Z'"}
    nothing, _ = pull(system, cursor="2026-09-03T00:00:00Z")
    assert (nothing.rows, nothing.removed) == ([], [])


def test_many_changes_give_the_same_rows_as_few(system_1_2, pull, monkeypatch):
    system = system_1_2
    for number in range(6):
        system.add_student(number)
    system.enroll("s001", "2026-09-01")
    system.now = "2026-09-02T00:00:00.000Z"
    for key in ("s001", "s002"):
        system.put("users", system.users[key] | {"givenName": "New"})
    few, _ = pull(system, cursor="2026-09-02T00:00:00Z")
    monkeypatch.setattr(connector_module, "MAX_SINGLE_READS", 1)
    many, _ = pull(system, cursor="2026-09-02T00:00:00Z")
    assert few.rows == many.rows
    assert few.ids == ["s001", "s002"]


def test_pull_without_demographics_is_refused(system, pull):
    system.add_student(1)
    system.granted.remove("demographics")
    for cursor in (None, "2026-08-31T00:00:00Z"):
        with pytest.raises(RemoteSystemError, match="linked by name alone"):
            pull(system, cursor=cursor)
    system.granted.add("demographics")
    system.demographics.clear()
    with pytest.raises(RemoteSystemError, match="linked by name alone"):
        pull(system)


def test_student_with_a_name_alone_is_rejected_and_one_with_a_state_id_is_not(system, pull):
    system.add_student(1)
    system.add_student(2)
    system.add_student(3, userIds=[])
    system.put("demographics", {"sourcedId": "s002", "sex": "male"})
    del system.demographics["s003"]
    sink, _ = pull(system, student_number_assigner="d", **STATE_ID)
    assert sink.ids == ["s001", "s002"]
    assert sink.rejects == [("name-alone", "s003")]


def test_oauth_1_signs_every_page(pull):
    with serve_oneroster("1.1") as system:
        for number in range(9):
            system.add_student(number)
        sink, _ = pull(system, kind=SignInKind.OAUTH1, page_size=4)
        assert len(sink.ids) == 9
        changed, _ = pull(system, cursor="2026-09-01T00:00:00Z", kind=SignInKind.OAUTH1)
        assert len(changed.ids) == 9
        wrong = SignIn(SignInKind.OAUTH1, CLIENT_ID, "another secret")
        with pytest.raises(RemoteSystemError, match="401"):
            OneRosterConnector(system.connection(sign_in=wrong)).pull(None, Sink(), lambda *_: None)


def test_token_that_expires_between_pages_is_renewed(system, pull):
    for number in range(9):
        system.add_student(number)
    system.token_uses = 2
    sink, _ = pull(system, page_size=2)
    assert len(sink.ids) == 9
    assert len(system.tokens) > 3


def test_pull_waits_as_long_as_the_system_asks_and_survives_errors_in_between(system_1_2, pull, waits):
    system = system_1_2
    system.add_student(1)
    system.answers = [(429, {"Retry-After": "7"}), (503, {})]
    sink, _ = pull(system)
    assert sink.ids == ["s001"]
    assert waits[0] >= 7
    broken = []

    def break_once(name):
        if name == "students" and not broken:
            broken.append(name)
            system.answers = [(500, {}), (502, {})]

    system.before_answer = break_once
    assert pull(system, page_size=2)[0].ids == ["s001"]
    system.before_answer = lambda _name: None
    system.answers = [(500, {})] * 9
    with pytest.raises(RemoteSystemError, match="500"):
        pull(system)


def test_cursor_is_the_systems_own_time(system_1_2, pull):
    system_1_2.add_student(1)
    _, result = pull(system_1_2)
    assert len(result.cursor) == len("2026-09-01T00:00:00.000Z")


def test_strange_values_break_nothing(system_1_2, pull):
    system = system_1_2
    system.add_student(1, givenName={"a": 1}, middleName=5, userIds="none", agents={"sourcedId": 3}, grades=7)
    system.add_student(2, roles=[{"role": "teacher", "org": None}])
    nameless = {"roles": [{"role": "student"}]}
    system.find = lambda name: [
        *OneRosterServer.find(system, name),
        *([nameless] if name == "students" else ()),
    ]
    sink, _ = pull(system)
    assert sink.ids == ["s001"]
    assert sink.rejects == [("no-local-id", None)]


@pytest.mark.parametrize(
    "options",
    [
        {"unknown": 1},
        {"page_size": 1},
        {"page_size": True},
        {"guardians": "yes"},
        {"path": "no-slash"},
        {"overlap_minutes": -1},
        {"student_number_assigner": 7},
        {"state_id": "SSID"},
        {"state_id": {"user_id_type": "SSID"}},
        {"state_id": {"assigner": "OH"}},
        {"state_id": {"assigner": "OH", "user_id_type": "SSID", "metadata": "m"}},
    ],
)
def test_wrong_option_is_refused_by_its_name(system_1_2, options):
    with pytest.raises(InputError, match=f"options.{next(iter(options))}"):
        OneRosterConnector(system_1_2.connection(options=options))


def test_unknown_version_is_refused(system_1_2):
    with pytest.raises(InputError, match=r"version: there is 1\.1, 1\.2"):
        OneRosterConnector(system_1_2.connection(version="1.0"))
