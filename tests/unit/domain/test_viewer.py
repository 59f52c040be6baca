import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import PURPOSES, Action, Viewer, make_operator, require_permission


def is_permitted(viewer: Viewer, action: Action, source: str | None = None) -> bool:
    try:
        require_permission(viewer, action, source)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize("action", list(Action))
def test_a_viewer_without_a_grant_may_do_nothing(action):
    assert not is_permitted(Viewer("sis"), action)
    assert not is_permitted(Viewer("sis"), action, "d01")


@pytest.mark.parametrize("action", list(Action))
def test_a_grant_permits_only_its_own_action(action):
    viewer = Viewer("sis", actions=frozenset({action}), sources=None)
    assert [other_action for other_action in Action if is_permitted(viewer, other_action)] == [action]


def test_a_viewer_reaches_only_its_granted_sources():
    viewer = Viewer("sis", actions=frozenset(Action), sources=frozenset({"d01"}))
    assert is_permitted(viewer, Action.RECORD_READ, "d01")
    assert not is_permitted(viewer, Action.RECORD_READ, "ccwis")


def test_a_source_is_visible_only_to_viewers_with_a_grant():
    viewer = Viewer("sis", sources=frozenset({"d01"}))
    assert (viewer.may_see("d01"), viewer.may_see("ccwis")) == (True, False)
    assert make_operator().may_see("ccwis")


def test_a_viewer_without_named_sources_reaches_none():
    assert not is_permitted(Viewer("sis", actions=frozenset(Action)), Action.RECORD_WRITE, "d01")


def test_the_operator_may_do_everything_on_every_source():
    viewer = make_operator("night shift")
    assert viewer.client == "night shift"
    assert viewer.purpose in PURPOSES
    assert all(is_permitted(viewer, action, source) for action in Action for source in (None, "any"))


def test_a_refusal_names_the_client_and_the_action_but_not_the_source():
    with pytest.raises(AccessDenied, match=r"'sis' may not do 'record.read'"):
        require_permission(Viewer("sis"), Action.RECORD_READ)
    viewer = Viewer("sis", actions=frozenset(Action))
    with pytest.raises(AccessDenied) as caught:
        require_permission(viewer, Action.RECORD_READ, "ccwis")
    assert "ccwis" not in str(caught.value)


def test_a_viewer_is_immutable():
    with pytest.raises(AttributeError):
        Viewer("sis").sources = None


@pytest.mark.parametrize("action", [Action.DISCLOSURE_READ, Action.LEDGER_READ])
def test_only_clients_of_all_sources_may_read_the_disclosure_ledger(action):
    assert not is_permitted(Viewer("sis", actions=frozenset({action}), sources=frozenset({"sis"})), action)
    assert not is_permitted(Viewer("steward", actions=frozenset(Action) - {action}, sources=None), action)
