"""The keys of an index: made once, read from each place, and checked."""

import pytest

from mpi.bootstrap import init_index, open_index
from mpi.config import Settings
from mpi.domain.errors import StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.key_material import make_keys, read_keyed_hash
from tests.models import tiny_model

SECRET, TOKEN_KEY, OTHER = "11" * 32, "22" * 32, "33" * 32


@pytest.fixture
def settings(tmp_path):
    return Settings(
        home=tmp_path, model=str(tiny_model(tmp_path / "tiny")), database_url=None, secret_file=None
    )


def test_new_index_gets_three_private_key_files(settings):
    keys = make_keys(settings)
    assert keys.token_key not in (None, keys.secret)
    for name in ("secret.key", "token.key", "payload.key"):
        assert (settings.home / name).stat().st_mode & 0o777 == 0o600
    assert make_keys(settings) == read_keyed_hash(settings) == keys


def test_secret_of_an_earlier_release_makes_the_tokens_too(settings):
    path = settings.home / "secret.key"
    path.touch(mode=0o600)
    path.write_text(SECRET)
    keys = make_keys(settings)
    assert keys == KeyedHash(bytes.fromhex(SECRET))
    assert not (settings.home / "token.key").exists()
    assert keys.to_token("ssn", "x") == KeyedHash(bytes.fromhex(SECRET)).to_token("ssn", "x")


def test_token_key_makes_tokens_and_blocking_keys_and_the_secret_the_rest():
    one_key = KeyedHash(bytes.fromhex(SECRET))
    two_keys = KeyedHash(bytes.fromhex(SECRET), bytes.fromhex(TOKEN_KEY))
    for domain in (
        "ssn",
        "ssn4",
        "identifier",
        "near",
        "system",
        "shared",
        "pupil name",
        "key:name",
        "kf:name",
    ):
        assert two_keys.to_token(domain, "x") == KeyedHash(bytes.fromhex(TOKEN_KEY)).to_token(domain, "x")
        assert two_keys.to_int64(domain, "x") != one_key.to_int64(domain, "x")
    for domain in (
        "canonical",
        "boundary",
        "check",
        "orders",
        "certificate",
        "pupil",
        "etag",
        "figure-noise",
    ):
        assert two_keys.to_token(domain, "x") == one_key.to_token(domain, "x")
    assert two_keys.to_int64s([("key:name", ["x"])]) == (two_keys.to_int64("key:name", "x"),)


def test_keys_come_from_values_and_commands(settings, monkeypatch):
    monkeypatch.setenv("MPI_SECRET", SECRET)
    monkeypatch.setenv("MPI_TOKEN_KEY_COMMAND", f"echo {TOKEN_KEY}")
    monkeypatch.setenv("MPI_PAYLOAD_KEYS", f"3:{OTHER}")
    settings = Settings(home=settings.home, model=settings.model, database_url=None)
    assert SECRET not in repr(settings)
    index, _ = init_index(settings, is_test=True)
    index.database.dispose()
    assert not list(settings.home.glob("*.key"))
    assert index.keyed_hash == KeyedHash(bytes.fromhex(SECRET), bytes.fromhex(TOKEN_KEY))
    open_index(settings).database.dispose()


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_wrong_token_key_is_noticed(settings, change):
    index, _ = init_index(settings, is_test=True)
    index.database.dispose()
    path = settings.home / "token.key"
    if change == "removed":
        path.unlink()
    else:
        path.write_text(OTHER)
    with pytest.raises(StoreError, match="not the token key that the index was made with"):
        open_index(settings)
