import pytest

from mpi.api.app import create_app
from mpi.client.webhooks import verify_webhook
from mpi.service.maintenance.health import CheckName, CheckState, read_health
from mpi.service.webhooks.subscriptions import MAX_WEBHOOKS
from tests.index import OPERATOR, load_rows, make_child, open_test_index, with_settings
from tests.unit.api.live import add_key, calling, problem
from tests.webhook_receiver import allow_loopback, deliver_due, receiving

RIGHTS = ("crosswalk.read",)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An index of two sources with a record each, whose webhooks may go to this machine."""
    with open_test_index(tmp_path_factory.mktemp("hooks"), "sis", "ccwis") as index:
        load_rows(index, "sis", make_child("1"))
        load_rows(index, "ccwis", make_child("C-1", first_name="Other"))
        yield allow_loopback(index)


@pytest.fixture(scope="module")
def keys(site):
    return {
        "school": add_key(site, "school", RIGHTS, ["sis"]),
        "agency": add_key(site, "agency", RIGHTS, ["ccwis"]),
        "operator": add_key(site, "all", (*RIGHTS, "client.admin", "record.write")),
        "clerk": add_key(site, "clerk", ("client.admin",)),
        "registrar": add_key(site, "registrar", (*RIGHTS, "client.admin"), ["ccwis"]),
    }


@pytest.fixture(scope="module")
def served(site):
    with calling(create_app(with_settings(site, delivers_webhooks=False)), None) as client:
        yield client


@pytest.fixture
def call(served, keys):
    def send(method, path, who="school", **body):
        headers = {"Authorization": f"Bearer {keys[who]}", "Purpose-Of-Use": "data_quality"}
        return served.request(method, f"/v1/webhooks{path}", headers=headers, json=body or None)

    yield send
    for webhook in send("GET", "", "operator").json():
        send("DELETE", f"/{webhook['code']}", "operator")


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def register(call, receiver, who="school", **options):
    answer = call("POST", "", who, url=receiver.url, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_client_registers_a_webhook_and_is_sent_its_feed(site, call, receiver):
    registered = register(call, receiver)
    assert registered["secret"].startswith("whsec_")
    deliver_due(site)
    [(headers, body)] = receiver.requests
    message = verify_webhook(body, headers, registered["secret"])
    assert [event["source"] for event in message["data"]["events"]] == ["sis"]
    webhook = call("GET", f"/{registered['webhook']['code']}").json()
    assert webhook["cursor"] == message["data"]["cursor"]
    assert (webhook["client"], webhook["purpose"], webhook["state"]) == ("school", "data_quality", "active")
    assert "secret" not in webhook


def test_an_operator_registers_a_webhook_for_a_client(site, call, receiver):
    register(call, receiver, "operator", client="school")
    deliver_due(site)
    assert {event["source"] for event in receiver.events} == {"sis"}
    assert [webhook["client"] for webhook in call("GET", "").json()] == ["school"]


def test_nobody_gets_the_feed_of_a_client_that_may_do_more(call, receiver):
    problem(call("POST", "", "school", url=receiver.url, client="agency"), 403, "access-denied")
    problem(call("POST", "", "agency", url=receiver.url, client="school"), 403, "access-denied")
    problem(call("POST", "", "registrar", url=receiver.url, client="school"), 403, "access-denied")
    problem(call("POST", "", "operator", url=receiver.url, client="nobody"), 404, "not-found")
    problem(call("POST", "", "clerk", url=receiver.url), 403, "access-denied")


def test_a_webhook_of_another_client_does_not_exist(call, receiver):
    code = register(call, receiver)["webhook"]["code"]
    for other in ("agency", "registrar"):
        assert call("GET", "", other).json() == []
    for method, step in (("GET", ""), ("DELETE", ""), *(("POST", f":{name}") for name in ("pause", "test"))):
        problem(call(method, f"/{code}{step}", "agency"), 404, "not-found")
    for unknown in ("nope", "%00", "é" * 300):
        problem(call("GET", f"/{unknown}"), 404, "not-found")


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::1]:8443/",
        "https://[::ffff:10.0.0.1]/",
        "https://user:word@127.0.0.1/",  # pragma: allowlist secret - an address that is refused
        "ftp://127.0.0.1/",
        "https:///path",
        "https://127.0.0.1/#part",
        "https://127.0.0.1:99999/",
        "https://127.0.0.1/ with spaces",
        "https://127.0.0.1/" + "x" * 2000,
        "not a url",
        "",
    ],
)
def test_addresses_that_may_not_be_called_are_refused(call, url):
    problem(call("POST", "", url=url), 400, "invalid-input")
    assert call("GET", "").json() == []


def test_the_same_address_is_registered_once(call, receiver):
    register(call, receiver)
    problem(call("POST", "", url=receiver.url), 409, "conflict")


def test_a_client_has_a_limited_number_of_webhooks(call, receiver):
    for number in range(MAX_WEBHOOKS):
        assert call("POST", "", url=f"{receiver.url}/{number}").status_code == 200
    problem(call("POST", "", url=receiver.url), 409, "conflict")


def test_a_cursor_ahead_of_the_index_is_refused(call, receiver):
    problem(call("POST", "", url=receiver.url, after=10**9), 409, "conflict")
    code = register(call, receiver)["webhook"]["code"]
    problem(call("POST", f"/{code}:replay", after=10**9), 409, "conflict")
    problem(call("POST", f"/{code}:replay", after=-1), 400, "invalid-input")


def test_a_webhook_is_paused_resumed_and_replayed(site, call, receiver):
    code = register(call, receiver)["webhook"]["code"]
    assert call("POST", f"/{code}:pause").json()["state"] == "paused"
    problem(call("POST", f"/{code}:pause"), 409, "conflict")
    deliver_due(site)
    assert receiver.ids == []
    assert call("POST", f"/{code}:resume").json()["state"] == "active"
    deliver_due(site)
    assert call("POST", f"/{code}:replay", after=0).json()["cursor"] == 0
    deliver_due(site)
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_a_secret_is_replaced_and_shown_once(site, call, receiver):
    first = register(call, receiver)
    code = first["webhook"]["code"]
    second = call("POST", f"/{code}:rotate", overlap_hours=1).json()
    assert second["webhook"]["former_secret_until"] is not None
    deliver_due(site)
    [(headers, body)] = receiver.requests
    assert verify_webhook(body, headers, first["secret"]) == verify_webhook(body, headers, second["secret"])
    problem(call("POST", f"/{code}:rotate", overlap_hours=10**6), 400, "invalid-input")


def test_a_test_message_tells_of_nobody_and_what_became_of_it(call, receiver):
    registered = register(call, receiver)
    path = f"/{registered['webhook']['code']}:test"
    assert call("POST", path).json() == {"is_delivered": True, "status": 204, "failure": None}
    [(headers, body)] = receiver.requests
    message = verify_webhook(body, headers, registered["secret"])
    assert (message["type"], set(message["data"])) == ("webhook.test", {"webhook", "sent_at"})
    receiver.fail(1, 302, Location="http://127.0.0.1:1/")
    assert call("POST", path).json() == {"is_delivered": False, "status": 302, "failure": "status-302"}
    assert len(receiver.requests) == 2


def test_a_removed_webhook_is_gone(site, call, receiver):
    code = register(call, receiver)["webhook"]["code"]
    assert call("DELETE", f"/{code}").json()["code"] == code
    problem(call("GET", f"/{code}"), 404, "not-found")
    deliver_due(site)
    assert receiver.requests == []


def test_emergency_access_registers_no_webhook(served, site, receiver):
    key = add_key(site, "emergency", (*RIGHTS, "break.glass"))
    headers = {
        "Authorization": f"Bearer {key}",
        "Purpose-Of-Use": "emergency_breakglass",
        "Break-Glass-Reason": "child missing",
    }
    problem(served.post("/v1/webhooks", headers=headers, json={"url": receiver.url}), 403, "access-denied")


def test_the_health_page_tells_of_a_webhook_that_stopped(site, call, receiver):
    def check():
        return next(each for each in read_health(site, OPERATOR).checks if each.name is CheckName.WEBHOOKS)

    register(call, receiver)
    assert check().state is CheckState.GOOD
    receiver.fail(1, 410)
    deliver_due(site)
    assert (check().state, check().command) == (CheckState.WARNING, "mpi webhook list")
