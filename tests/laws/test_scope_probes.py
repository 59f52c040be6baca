"""What an attacker's probes find in a scope, and in an index that all readers share.

`scripts/prove-probes` makes them for 200 children of child welfare and 200 others.
"""

from dataclasses import replace

from tests.laws.scope_probes import (
    PROBES,
    READER,
    Outcome,
    look_for_a_question,
    make_children,
    open_scope_target,
    open_shared_target,
    run_probes,
)

COUNT = 10


def test_no_probe_of_a_scope_finds_a_child_of_another(tmp_path):
    with open_scope_target(tmp_path, COUNT) as target:
        outcomes = run_probes(target, COUNT)
    assert outcomes == dict.fromkeys(PROBES, Outcome(0, 0, COUNT))


def test_the_probes_find_children_where_readers_share_one_index(tmp_path):
    """The control. Figures are left out: they may be published with a lag there, and then find nobody."""
    with open_shared_target(tmp_path, COUNT) as target:
        outcomes = run_probes(target, COUNT)
    for name in ("PUT, DELETE, PUT", "two half-records", "survivor of a merge preview"):
        # Of ten children, one is sealed and one expunged.
        assert outcomes[name] == Outcome(8, 0, COUNT), name
    assert outcomes["question about two records"] == Outcome(0, 0, COUNT)


def test_a_question_that_a_hidden_record_brings_up_is_asked_of_readers_of_all_sources_alone(tmp_path):
    """The control: the question that would tell is there."""
    everybody = replace(READER, sources=None)
    with open_shared_target(tmp_path, COUNT) as target:
        held, others = make_children(COUNT)
        asked = [[look_for_a_question(target, child, everybody) for child in each] for each in (held, others)]
        told = [look_for_a_question(target, child) for child in (*held, *others)]
    assert [sum(each) for each in asked] == [8, 0]
    assert not any(told)
