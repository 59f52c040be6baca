"""Values of a planted child appear in no log, error, address or metric."""

import logging

from mpi.api.app import create_app
from mpi.domain.roles import Role
from mpi.policy.route_table import ROUTES
from tests.attacks.site import CANARIES, LEAKS, LOCAL_ID, OTHER, OWN, SSN, roles_of
from tests.index import make_child
from tests.policy.route_matrix import DEMO_ROUTES, build_path, is_api_route

BAD_RECORDS = (
    {"birth_date": "7712-33-zzcanary"},
    {"Zzcanary 212-47-7712": "Zzcanaryfirst"},
    {"addresses": [{"city": "Zzcanarytown", "zzcanary 77123 street": 1}]},
    {"as_of": "2199-01-01", "first_name": "Zzcanaryfirst"},
    {"identifiers": [{"value": "zzcanary-212-47-7712"}]},
    {"first_name": ["Zzcanaryfirst"]},
    {"ssn": "212-47-7712-zzcanary"},
    {"flags": [{"population": "zzcanary", "value": "Y"}]},
)


SERVER_LOGGERS = ("mpi", "uvicorn")
"""Loggers of the program; the others are of the client that attacks."""


def _find_leaks(text):
    text = text.lower()
    return [leak for leak in LEAKS if leak in text]


def _names_of(path):
    """Return the values of a page's address, which the address bar and a proxy's log hold."""
    return _find_leaks(path.split("?", 1)[-1]) if "?" in path else []


def test_no_error_log_or_metric_holds_a_planted_value(own_site, attack, caplog):
    site = own_site
    with attack("Personal data in errors, logs and metrics") as attempts, caplog.at_level(logging.DEBUG):
        for number, fields in enumerate(BAD_RECORDS):
            record = make_child(f"bad-{number}", **{"ssn": SSN, **CANARIES, **fields})
            sent = {key: value for key, value in record.items() if key != "local_id"}
            answer = site.call("PUT", f"/v1/sources/{OWN}/records/bad-{number}", json=sent)
            leaks = _find_leaks(answer.text) if answer.status_code >= 400 else []
            attempts.add(is_through=bool(leaks), what=(fields, answer.text))
        for route in ROUTES:
            if route in DEMO_ROUTES or route == "POST /sign-out":
                continue
            method, path = build_path(route)
            path = path.replace("T7K3-M92Q-X0HN", site.hidden_eids[0]).replace("D01", OTHER)
            answer = _ask(site, route, method, path)
            # A page with an error shows what its own sender typed; a problem repeats nothing.
            is_problem = answer.headers.get("content-type", "").startswith(
                ("application/problem+json", "application/fhir+json")
            )
            leaks = _find_leaks(answer.text) if is_problem else []
            leaks += _names_of(answer.headers.get("location", ""))
            attempts.add(is_through=bool(leaks), what=(route, answer.status_code, leaks))
        metrics = site.client.get("/metrics").text
        attempts.add(is_through=bool(_find_leaks(metrics)) or LOCAL_ID in metrics, what="/metrics")
        log = "\n".join(
            f"{record.getMessage()} {record.exc_text}"
            for record in caplog.records
            if record.name.split(".")[0] in SERVER_LOGGERS
        )
        assert "PUT" in log
        attempts.add(is_through=bool(_find_leaks(log)) or LOCAL_ID in log, what=_find_leaks(log))


def _ask(site, route, method, path):
    """Ask a route with planted values in its body, form or query."""
    if is_api_route(route):
        body = {"name": "Zzcanaryfirst Zzcanarylast", "local_id": LOCAL_ID, "source": OTHER}
        return site.call(method, path, **({} if method == "GET" else {"json": body}))
    role = (roles_of(route) or [Role.STEWARD])[0]
    if method == "GET":
        return site.open_page(role, method, path)
    form = {
        "csrf": site.csrf_of(role),
        "first_name": "Zzcanaryfirst",
        "name": "Zzcanarylast",
        "q": "Zzcanary",
    }
    return site.open_page(role, method, path, {"Sec-Fetch-Site": "same-origin"}, data=form)


def test_no_line_break_of_a_value_makes_a_line_of_the_log(site, attack, caplog):
    with attack("Lines put into the log") as attempts, caplog.at_level(logging.DEBUG):
        for text in (
            "x\nINFO mpi.access forged",
            "x\r\nforged",
            "x\u2028forged",
            "%0aforged",
            "\x1b[2Jforged",
        ):
            for path in (f"/v1/sources/{OWN}/records/", "/v1/", "/people/"):
                site.client.get(path + _quote(text))
                site.call("GET", path + _quote(text), params={"q": text})
                lines = [record.getMessage() for record in caplog.records if record.name.startswith("mpi")]
                is_through = any("forged" in line or "\n" in line for line in lines)
                attempts.add(is_through=is_through, what=(path, text, lines[-1:]))


def test_no_address_of_the_api_names_a_value_of_a_child():
    parameters = {
        (path, each["name"])
        for path, operations in create_app(None).openapi()["paths"].items()
        for operation in operations.values()
        for each in operation.get("parameters", [])
        if each["in"] in {"query", "path"}
    }
    named = {name for _, name in parameters}
    assert not named & {"first_name", "last_name", "birth_date", "ssn", "ssn_last4", "phone", "email", "name"}


def _quote(text):
    from urllib.parse import quote

    return quote(text, safe="")
