"""Each destroyed record has a certificate that names nobody and cannot be altered."""

import orjson
import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.records.upsert import upsert
from mpi.service.statements.boundary_orders import make_record_token
from mpi.service.stewardship.expunge_certificates import (
    check_certificate,
    format_certificate,
    get_certificate,
    list_certificates,
)
from mpi.service.stewardship.expunge_requests import approve_expunges, refuse_expunges
from mpi.service.stewardship.rekey import rekey
from tests.index import OPERATOR, SECOND_PERSON, make_child

CHILD = make_child("zebulonia-1", first_name="Zebulonia", last_name="Quist")
EXPUNGED = {"restrictions": [{"kind": "expunged", "reference": "26-EX-9"}]}


@pytest.fixture
def destroyed(index):
    flags = [{"population": "homeless", "value": "Y", "definition": "MV"}]
    upsert(index, OPERATOR, "sis", {**CHILD, "flags": flags})
    rekey(index, OPERATOR, "sis", {"zebulonia-1": "zebulonia-2"})
    upsert(index, OPERATOR, "sis", {**CHILD, **EXPUNGED, "local_id": "zebulonia-2"})
    approve_expunges(index, SECOND_PERSON, "sis", ["zebulonia-2"])
    return index


def test_a_certificate_says_what_was_destroyed_and_by_whom(destroyed):
    [certificate] = list_certificates(destroyed, OPERATOR)
    content = certificate.content
    assert certificate.is_valid
    assert (content["source"], content["reference"]) == ("sis", "26-EX-9")
    assert (content["requested_by"], content["approved_by"]) == ("operator", "second")
    assert content["requested_at"] <= content["destroyed_at"]
    assert {table: count for table, count in content["rows"].items() if count} == {
        "record_version": 2,
        "flag": 1,
        "record_alias": 1,
        "renamed": 1,
    }
    tokens = [make_record_token(destroyed.keyed_hash, "sis", f"zebulonia-{n}") for n in (1, 2)]
    assert content["records"] == sorted(tokens)
    assert get_certificate(destroyed, OPERATOR, 1) == certificate


def test_a_certificate_has_no_personal_data(destroyed):
    [certificate] = list_certificates(destroyed, OPERATOR)
    for text in (format_certificate(certificate), orjson.dumps(certificate.as_dict()).decode()):
        assert "zebulonia" not in text.lower()
        assert "quist" not in text.lower()
        assert "26-EX-9" in text


def test_an_altered_certificate_is_noticed(destroyed):
    [certificate] = list_certificates(destroyed, OPERATOR)
    printed = orjson.dumps(certificate.as_dict())
    assert check_certificate(destroyed, OPERATOR, printed).is_valid
    altered = printed.replace(b'"second"', b'"nobody"')
    assert altered != printed
    assert not check_certificate(destroyed, OPERATOR, altered).is_valid
    with destroyed.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE expunge_certificate SET content = replace(content, 'second', 'nobody')"
        )
    [stored] = list_certificates(destroyed, OPERATOR)
    assert not stored.is_valid
    assert "NOT VALID" in format_certificate(stored)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"signature": 1}', b"\xff"])
def test_what_is_no_certificate_is_refused(destroyed, text):
    with pytest.raises(InputError):
        check_certificate(destroyed, OPERATOR, text)


def test_certificates_are_for_those_who_may_expunge_and_of_their_sources(destroyed):
    elsewhere = Viewer("elsewhere", None, frozenset({Action.RECORD_EXPUNGE}), frozenset({"ccwis"}))
    assert list_certificates(destroyed, elsewhere) == []
    with pytest.raises(NotFoundError):
        get_certificate(destroyed, elsewhere, 1)
    with pytest.raises(AccessDenied):
        list_certificates(destroyed, Viewer("reader", None, frozenset({Action.RECORD_READ}), None))


def test_a_refused_request_has_no_certificate(index):
    upsert(index, OPERATOR, "sis", {**CHILD, **EXPUNGED})
    refuse_expunges(index, SECOND_PERSON, "sis", ["zebulonia-1"])
    assert list_certificates(index, OPERATOR) == []


def test_each_of_several_records_has_a_certificate(index):
    names = ["a", "b", "c"]
    for name in names:
        upsert(index, OPERATOR, "sis", {**CHILD, **EXPUNGED, "local_id": name})
    approve_expunges(index, SECOND_PERSON, "sis", names)
    assert [one.content["certificate"] for one in list_certificates(index, OPERATOR)] == [1, 2, 3]
