"""Rotation of the token key: what changes, what stays, and when an earlier key may go."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.bootstrap import open_index, read_token_keys_of_others
from mpi.config import Settings
from mpi.domain.errors import ConflictError, InputError, ModelMovedError, StoreError
from mpi.domain.keyed_hash import parse_kept_tokens
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import SHARED_SCOPE, Holdings, SourceKind
from mpi.service.holdings.settings import set_holdings
from mpi.service.holdings.tokens import count_rows_to_ask, keep_tokens
from mpi.service.maintenance.other_token_keys import OtherTokenKeys
from mpi.service.maintenance.payload_encryption import encrypt_index
from mpi.service.maintenance.token_key_drop import drop_token_keys
from mpi.service.maintenance.token_rotation import (
    DROPPED_ROWS_STEP,
    PAGE_ROWS,
    describe_token_keys,
    refresh_token_keys,
    rotate_token_key,
)
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.recluster.derived_sync import CLEARING, WRITING
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.split import run_split
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.serialization import features_from_bytes, record_from_bytes
from mpi.standardize.shared_values import make_shared_values
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index
from tests.scopes import open_splittable_index

SSN = "219-09-9998"
CHILD = make_child("1", ssn=SSN, identifiers=[{"system": "state", "assigner": "s", "value": "A1234567"}])
OTHERS = many_children(6)


@pytest.fixture
def loaded(tmp_path, database_url):
    with open_test_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        load_rows(index, "sis", CHILD, *OTHERS)
        load_rows(index, "ccwis", {**CHILD, "local_id": "c1", "first_name": "Amora"})
        yield index


def rotate(index):
    """Rotate the token key; return the index under it, as a process that serves reads it."""
    assert rotate_token_key(index, OPERATOR).moved == 0
    return refresh_token_keys(index, OPERATOR)


def features(index):
    """Return the features of every record, by record number."""
    with index.database.read(OPERATOR) as unit:
        records = list(unit.records.active_canonical_keys())
        stored = unit.derived_data.features(index.config_id(unit), records)
    return {record: features_from_bytes(own) for record, own in stored.items()}


def kept_tokens(index):
    """Return the numbers of the keys of each record's kept tokens."""
    with index.database.read(OPERATOR) as unit:
        payloads = unit.record_versions.payloads(list(unit.records.active_canonical_keys())).values()
    records = [record_from_bytes(payload) for _, payload in payloads]
    return [set(parse_kept_tokens(record.ssn_token)) for record in records if record.ssn_token]


def edges(index):
    with index.database.read(OPERATOR) as unit:
        return unit.derived_data.all_edges(index.config_id(unit))


def blocking_keys(index):
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        records = list(unit.records.active_canonical_keys())
        packed = unit.keys.forward.packed_keys(config_id, records)
    return {bytes(own.keys) for own in packed.values()}


def test_rotation_changes_every_token_and_no_person(loaded):
    persons, pairs, before, keys = crosswalk(loaded), edges(loaded), features(loaded), blocking_keys(loaded)
    index = rotate(loaded)
    assert index.keyed_hash.token_keys == (1, 2)
    assert crosswalk(index) == persons
    assert edges(index) == pairs
    after = features(index)
    for record, own in after.items():
        for column in ("ssn", "ssn_last4", "identifiers", "identifiers_near", "identifier_systems"):
            old, new = getattr(before[record], column), getattr(own, column)
            assert bool(old) == bool(new)
            assert not old or set(old if isinstance(old, tuple) else [old]).isdisjoint(
                new if isinstance(new, tuple) else [new]
            )
        assert own.given == before[record].given
    assert blocking_keys(index).isdisjoint(keys)
    assert verify(index, OPERATOR) == []
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty


def test_records_sent_after_a_rotation_meet_those_sent_before(loaded):
    index = rotate(loaded)
    outcome = upsert(index, OPERATOR, "ccwis", {**CHILD, "local_id": "c2", "last_name": "Okonkwu"})
    assert outcome.outcome is Outcome.LINKED
    same = {own.ssn for own in features(index).values() if own.ssn}
    assert len(same) == 1
    query = {name: value for name, value in CHILD.items() if name != "local_id"}
    assert len(search_persons(index, OPERATOR, query)) == 1


def test_process_opened_before_is_told_and_changes_nothing(loaded):
    rotate(loaded)
    with pytest.raises(ModelMovedError, match="token key"):
        upsert(loaded, OPERATOR, "sis", CHILD)


def test_earlier_key_stays_until_every_record_with_an_ssn_was_sent_again(loaded):
    persons = crosswalk(loaded)
    index = rotate(loaded)
    assert describe_token_keys(index, OPERATOR).records_to_send == {"sis": 1, "ccwis": 1}
    with pytest.raises(ConflictError, match="ccwis 1, sis 1"):
        drop_token_keys(index, OPERATOR)
    load_rows(index, "sis", CHILD, *OTHERS)
    assert describe_token_keys(index, OPERATOR).records_to_send == {"ccwis": 1}
    upsert(index, OPERATOR, "ccwis", {**CHILD, "local_id": "c1", "first_name": "Amora"})
    assert kept_tokens(index) == [{1, 2}, {1, 2}]
    result = drop_token_keys(index, OPERATOR)
    assert (result.in_force, result.dropped, result.moved) == ((2,), (1,), 0)
    assert (index.home / "token.key").read_text().startswith("2:")
    index = refresh_token_keys(index, OPERATOR)
    assert index.keyed_hash.token_keys == (2,)
    assert crosswalk(index) == persons
    assert verify(index, OPERATOR) == []
    assert {own.ssn for own in features(index).values() if own.ssn} == {
        index.keyed_hash.to_token("ssn", SSN.replace("-", ""))
    }
    assert upsert(index, OPERATOR, "sis", {**CHILD, "local_id": "9"}).outcome is Outcome.LINKED


def test_withdrawn_records_and_those_without_ssn_hold_no_key(loaded):
    index = rotate(loaded)
    withdraw(index, OPERATOR, "sis", "1")
    withdraw(index, OPERATOR, "ccwis", "c1")
    assert describe_token_keys(index, OPERATOR).records_to_send == {}
    assert drop_token_keys(index, OPERATOR).in_force == (2,)


def test_index_opens_with_the_keys_in_force_and_refuses_others(loaded, database_url):
    index = rotate(loaded)
    settings = Settings(home=index.home, model=None, database_url=database_url, secret_file=None)
    again = open_index(settings)
    assert again.keyed_hash == index.keyed_hash
    again.database.dispose()
    path = index.home / "token.key"
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]}\n2:{'4' * 64}\n")
    with pytest.raises(StoreError, match=r"token key 2 of .* is not the one"):
        open_index(settings)
    path.write_text(f"{lines[0]}\n")
    with pytest.raises(StoreError, match=r"token key 2, .* is not in"):
        open_index(settings)


def test_two_rotations_hash_again_and_then_two_keys_go(loaded):
    persons = crosswalk(loaded)
    index = rotate(loaded)
    upsert(index, OPERATOR, "sis", CHILD)
    index = rotate(index)
    assert index.keyed_hash.token_keys == (1, 2, 3)
    assert describe_token_keys(index, OPERATOR).records_to_send == {"sis": 1, "ccwis": 1}
    assert len({own.ssn for own in features(index).values() if own.ssn}) == 1
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "ccwis", {**CHILD, "local_id": "c1", "first_name": "Amora"})
    assert drop_token_keys(index, OPERATOR).dropped == (1, 2)
    assert crosswalk(index) == persons


def test_shared_values_and_stopped_keys_stay_so(tmp_path, database_url):
    children = many_children(4)
    for child in children:
        child |= {"phone": "614-555-0100", "postal_code": "43001"}
    with open_test_index(tmp_path / "home", "sis", database_url=database_url) as first:
        load_rows(first, "sis", *children)
        with first.database.read(OPERATOR) as unit:
            config_id = first.config_id(unit)
            records = list(unit.records.active_canonical_keys())
            own = unit.keys.forward.packed_keys(config_id, records)
        keys = sorted({key for each in own.values() for key in memoryview(each.keys).cast("q")})
        [phone] = {phone for own in features(first).values() for phone in own.phones}
        lists = replace(
            make_shared_values({"phones": [phone]}, first.keyed_hash), stopped=frozenset(keys[:2])
        )
        recluster(first, OPERATOR, first.matcher, apply=True, lists=lists)
        before = features(first)
        assert all(not own.phones for own in before.values())
        index = rotate(first)
        assert all(not own.phones for own in features(index).values())
        with index.database.read(OPERATOR) as unit:
            after = index.shared_values(unit)
        assert len(after) == 1
        assert len(after.stopped) == 2
        assert after.stopped.isdisjoint(lists.stopped)
        stored = {key for each in blocking_keys(index) for key in memoryview(each).cast("q")}
        assert stored.isdisjoint(after.stopped)
        assert verify(index, OPERATOR) == []


def test_tokens_of_dropped_rows_are_hashed_again_and_still_meet(tmp_path, database_url):
    pupil = make_child("p1", first_name="Quentin", last_name="Zyxw", ssn=SSN)
    with open_test_index(tmp_path / "home", database_url=database_url) as first:
        add_source(first, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
        add_source(first, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        load_rows(first, "welfare", make_child("w1"))
        set_holdings(first, OPERATOR, "school", Holdings.TOKENS)
        load_rows(first, "school", pupil, *many_children(5))
        before = stored_rows(first)
        index = rotate(first)
        assert {label for label, _ in stored_rows(index)} == {"1;2"}
        assert {own for _, own in stored_rows(index)}.isdisjoint({own for _, own in before})
        load_rows(index, "welfare", {**pupil, "local_id": "w2", "first_name": "Q"})
        [count] = count_rows_to_ask(index, OPERATOR)
        assert (count.tokens, count.rows) == (6, 1)
        status = describe_token_keys(index, OPERATOR)
        assert (status.rows_to_send, status.unfinished) == ({"school": 6}, 0)
        with pytest.raises(ConflictError, match="school 6"):
            drop_token_keys(index, OPERATOR)
        index = refresh_token_keys(index, OPERATOR)
        assert "1:" in (index.home / "token.key").read_text()
        load_rows(index, "school", *many_children(5), snapshot=Snapshot.FULL)
        assert drop_token_keys(index, OPERATOR).dropped == (1,)


def test_next_full_file_frees_the_keys_of_dropped_rows_that_it_does_not_change(tmp_path, database_url):
    pupils = many_children(5)
    with open_test_index(tmp_path / "home", database_url=database_url) as first:
        add_source(first, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(first, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
        set_holdings(first, OPERATOR, "school", Holdings.TOKENS)
        index = rotate(first)
        load_rows(index, "school", *pupils, snapshot=Snapshot.FULL)
        with pytest.raises(ConflictError, match="school 5"):
            drop_token_keys(index, OPERATOR)
        index = refresh_token_keys(index, OPERATOR)
        load_rows(index, "school", *pupils, snapshot=Snapshot.FULL)
        assert {label for label, _ in stored_rows(index)} == {"2"}
        assert drop_token_keys(index, OPERATOR).dropped == (1,)


def test_rows_that_a_load_drops_while_the_earlier_keys_go_keep_them(tmp_path, database_url):
    with open_test_index(tmp_path / "home", database_url=database_url) as first:
        add_source(first, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(first, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
        set_holdings(first, OPERATOR, "school", Holdings.TOKENS)
        load_rows(first, "welfare", make_child("w1"))
        index, pupils = rotate(first), many_children(5)

        def load_once(*_progress):
            if pupils:
                load_rows(index, "school", pupils.pop(), *pupils)
                pupils.clear()

        with pytest.raises(ConflictError, match="school 5"):
            drop_token_keys(index, OPERATOR, load_once)
        assert "1:" in (index.home / "token.key").read_text()


def test_process_opened_before_stores_no_tokens_of_dropped_rows(tmp_path):
    with open_test_index(tmp_path / "home") as first:
        add_source(first, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(first, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
        set_holdings(first, OPERATOR, "school", Holdings.TOKENS)
        rotate(first)
        with (
            pytest.raises(ModelMovedError, match="token key"),
            first.database.write(OPERATOR, "tokens") as unit,
        ):
            keep_tokens(unit, first, unit.sources.get_by_code("school"), {}, ["p1"])


def stored_rows(index):
    with index.database.engine.connect() as connection:
        rows = connection.execute(text("SELECT token_keys, tokens FROM pupil_tokens"))
        return [(label, bytes(own)) for label, own in rows]


def test_index_of_one_secret_gets_a_token_key_of_its_own(tmp_path, database_url):
    with open_test_index(
        tmp_path / "home", "sis", database_url=database_url, of_earlier_release=True
    ) as first:
        load_rows(first, "sis", CHILD, *OTHERS)
        with pytest.raises(InputError, match="run mpi keys encrypt first"):
            rotate_token_key(first, OPERATOR)
        encrypt_index(first, OPERATOR)
        persons = crosswalk(first)
        index = rotate(first)
        assert index.keyed_hash.earlier_token_keys == (index.keyed_hash.secret,)
        upsert(index, OPERATOR, "sis", CHILD)
        assert drop_token_keys(index, OPERATOR).in_force == (2,)
        index = refresh_token_keys(index, OPERATOR)
        assert crosswalk(index) == persons
        assert verify(index, OPERATOR) == []


def test_new_index_uses_all_token_keys_that_are_there(tmp_path, database_url):
    home = tmp_path / "home"
    home.mkdir()
    for name, content in (("secret.key", "1" * 64), ("token.key", f"1:{'2' * 64}\n2:{'3' * 64}\n")):
        (home / name).touch(mode=0o600)
        (home / name).write_text(content)
    with open_test_index(home, "sis", "ccwis", database_url=database_url) as index:
        assert index.keyed_hash.token_keys == (1, 2)
        upsert(index, OPERATOR, "sis", CHILD)
        assert kept_tokens(index) == [{1, 2}]
        settings = Settings(home=home, model=None, database_url=database_url, secret_file=None)
        open_index(settings).database.dispose()
        (home / "token.key").write_text(f"1:{'4' * 64}\n2:{'3' * 64}\n")
        with pytest.raises(StoreError, match="not the token key that the index was made with"):
            open_index(settings)


def rotate_in(site, index, scope=SHARED_SCOPE):
    """Rotate the token key as the command does; return the index under it."""
    settings = site.settings.model_copy(update={"scope": scope})
    others = read_token_keys_of_others(settings, index)
    in_force = {code: keys.in_force for code, keys in others.items()}
    rotate_token_key(index, OPERATOR, others=in_force)
    return refresh_token_keys(index, OPERATOR)


def drop_in(site, index, scope=SHARED_SCOPE):
    """Drop earlier token keys as the command does; return the result and the index under the newest."""
    settings = site.settings.model_copy(update={"scope": scope})
    result = drop_token_keys(index, OPERATOR, others=read_token_keys_of_others(settings, index))
    return result, refresh_token_keys(index, OPERATOR)


def test_new_scope_begins_with_the_token_keys_of_the_shared_index(tmp_path, database_url):
    with open_splittable_index(
        tmp_path, "sis", "ccwis", database_url=database_url, of_earlier_release=True
    ) as site:
        load_rows(site.shared, "sis", CHILD, *OTHERS)
        encrypt_index(site.shared, OPERATOR)
        # Now the key file has key 2 alone: key 1 is the tie key.
        site.shared = rotate(site.shared)
        scope = site.split("sis")
        assert scope.keyed_hash.token_keys == (1, 2)
        assert {own.ssn for own in features(scope).values()} == {
            own.ssn for own in features(site.shared).values()
        }


def test_sources_do_not_move_into_a_scope_that_cannot_compare_their_ssns(tmp_path, database_url):
    with open_splittable_index(tmp_path, "sis", "sis2", "ccwis", database_url=database_url) as site:
        load_rows(site.shared, "sis2", CHILD)
        site.split("sis")
        site.shared = rotate(site.shared)
        load_rows(site.shared, "sis2", CHILD)
        # As if the scope had been ready: a backup of it from before its rotation was restored since.
        ready = {"education": OtherTokenKeys((2,), frozenset((1, 2)))}
        drop_token_keys(site.shared, OPERATOR, others=ready)
        site.shared = refresh_token_keys(site.shared, OPERATOR)
        site.approve("sis2")
        with pytest.raises(ConflictError, match="by token key 1, and the shared index by key 2"):
            run_split(site.shared, site.open_scope(), OPERATOR, "education")


class InterruptionError(Exception):
    """An end of the work in the midst of a step."""


@pytest.mark.parametrize("step", [WRITING, CLEARING, DROPPED_ROWS_STEP])
def test_interrupted_rotation_is_finished_by_the_next_call(tmp_path, database_url, step):
    def interrupt(name, _done, _total):
        if name == step:
            raise InterruptionError

    with open_test_index(tmp_path / "home", "sis", database_url=database_url) as index:
        add_source(index, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
        add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        set_holdings(index, OPERATOR, "school", Holdings.TOKENS)
        load_rows(index, "school", *many_children(PAGE_ROWS + 1))
        load_rows(index, "sis", CHILD)
        persons = crosswalk(index)
        with pytest.raises(InterruptionError):
            rotate_token_key(index, OPERATOR, interrupt)
        rotated = rotate(refresh_token_keys(index, OPERATOR))
        assert rotated.keyed_hash.token_keys == (1, 2)
        assert {label for label, _ in stored_rows(rotated)} == {"1;2"}
        assert crosswalk(rotated) == persons
        assert verify(rotated, OPERATOR) == []
