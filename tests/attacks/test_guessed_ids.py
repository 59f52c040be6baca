"""A client of one district guesses IDs of another agency's children (IDOR)."""

import re

from mpi.policy.route_table import ROUTES
from tests.attacks.site import LOCAL_ID, OTHER
from tests.policy.route_matrix import is_api_route

UNKNOWN_EID = "T7K3-M92Q-X0HN"
VALUES = {
    "source": (OTHER, "NO-SUCH"),
    "local_id:path": (LOCAL_ID, "no-such"),
    "number": ("1", "999999"),
    "token": ("hidden", "no-such"),
    "question_key": ("pair:1:2", "pair:998:999"),
    "code": ("dsa-active", "no-such"),
}
"""A value that names something hidden from the client, and one that names nothing."""
BODIES = {
    "POST /v1/explanations": lambda place: {"records": [place, {"source": "D01", "local_id": "own-0"}]},
    "POST /v1/links": lambda place: {"records": [place]},
}
ROUTES_WITH_IDS = [
    route for route in ROUTES if is_api_route(route) and ("{" in route or route in BODIES)
]  # fmt: skip


def _fill(route, eid, is_hidden):
    method, path = route.split(" ")
    for name, (hidden, unknown) in VALUES.items():
        path = path.replace("{" + name + "}", hidden if is_hidden else unknown)
    return method, path.replace("{eid}", eid).replace("{id}", eid)


def _shape(answer, *ids):
    """Return status and body of an answer, without what was sent and the request's ID."""
    body = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", answer.text)
    for value in (*ids, *(value for pair in VALUES.values() for value in pair)):
        body = body.replace(value, "ID")
    return answer.status_code, body


def test_a_hidden_id_is_answered_like_one_that_does_not_exist(site, attack):
    with attack("Enumeration of IDs (IDOR)") as attempts:
        for route in ROUTES_WITH_IDS:
            for eid in site.hidden_eids:
                answers = []
                for is_hidden in (True, False):
                    asked = eid if is_hidden else UNKNOWN_EID
                    method, path = _fill(route, asked, is_hidden)
                    source, local_id = (VALUES[name][not is_hidden] for name in ("source", "local_id:path"))
                    place = {"source": source, "local_id": local_id}
                    body = BODIES.get(route, lambda _: {})(place)
                    sent = {} if method == "GET" else {"json": body}
                    answer = site.call(method, path, site.district_key, **sent)
                    answers.append(_shape(answer, *site.hidden_eids, UNKNOWN_EID))
                attempts.add(is_through=answers[0] != answers[1], what=(route, answers))


def test_every_number_from_1_to_60_leads_to_nothing_of_another_agency(site, attack):
    paths = [
        route.split(" ")[1] for route in ROUTES_WITH_IDS if route.startswith("GET") and "{number}" in route
    ]
    with attack("Enumeration of IDs (IDOR)") as attempts:
        for path in paths:
            for number in range(1, 61):
                answer = site.call("GET", path.replace("{number}", str(number)), site.district_key)
                is_through = LOCAL_ID in answer.text or any(eid in answer.text for eid in site.hidden_eids)
                attempts.add(is_through=is_through, what=(path, number, answer.text))


def test_no_list_or_page_of_a_source_owner_holds_a_hidden_child(site, attack):
    lists = [route.split(" ")[1] for route in ROUTES if route.startswith("GET /v1/") and "{" not in route]
    with attack("Enumeration of IDs (IDOR)") as attempts:
        for path in lists:
            answer = site.call("GET", path, site.district_key)
            is_through = "zzcanary" in answer.text.lower() and LOCAL_ID in answer.text
            is_through |= any(eid in answer.text for eid in site.hidden_eids)
            attempts.add(is_through=is_through, what=(path, answer.text))
