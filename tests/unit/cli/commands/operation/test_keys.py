"""``mpi keys drop token``: the command looks at the scopes before it drops a key."""


def test_a_key_that_a_scope_still_makes_its_tokens_with_is_not_dropped(home, mpi):
    assert mpi("scope", "add", "education").code == 0
    assert mpi("keys", "rotate", "token").code == 0
    kept = mpi("keys", "drop", "token")
    assert (kept.code, kept.out) == (7, "")
    assert "since the scope education makes its tokens with the keys 1, and not yet with key 2" in kept.err
    assert "mpi keys rotate token with MPI_SCOPE=education" in kept.err
    assert mpi("keys", "status", "--json").json["token_keys"] == [1, 2]
