"""Which steps wait for a second approver in an index whose setting is not said."""

import pytest
from sqlalchemy import text

from mpi.bootstrap import init_index, open_index
from mpi.config import Settings
from mpi.domain.viewer import SecondApprover
from tests.models import tiny_model


@pytest.fixture
def make_settings(tmp_path, monkeypatch):
    """Return the settings of an index in a temporary folder, without the tests' own default."""
    monkeypatch.delenv("MPI_SECOND_APPROVER", raising=False)
    model = str(tiny_model(tmp_path / "tiny"))
    return lambda **changes: Settings(home=tmp_path / "home", model=model, database_url=None, **changes)


def find_setting(settings, statement=None):
    """Return the setting of an index that is opened anew, after a statement."""
    index = open_index(settings, for_look_up=True)
    try:
        if statement is not None:
            with index.database.engine.begin() as connection:
                connection.execute(text(statement))
        return index.settings.second_approver
    finally:
        index.database.dispose()


def test_a_new_index_has_a_second_approver_across_agencies_and_a_setting_overrides_it(make_settings):
    index, _ = init_index(make_settings(), is_test=True)
    index.database.dispose()
    assert index.settings.second_approver is SecondApprover.CROSS_AGENCY
    assert find_setting(make_settings()) is SecondApprover.CROSS_AGENCY
    for which in SecondApprover:
        assert find_setting(make_settings(second_approver=which)) is which


def test_an_index_keeps_what_was_set_when_it_was_made(make_settings):
    index, _ = init_index(make_settings(second_approver=SecondApprover.ALWAYS), is_test=True)
    index.database.dispose()
    assert find_setting(make_settings()) is SecondApprover.ALWAYS


def test_an_upgraded_index_keeps_its_setting(make_settings):
    index, _ = init_index(make_settings(), is_test=True)
    index.database.dispose()
    # So the upgrade leaves the column.
    find_setting(make_settings(), "UPDATE index_info SET second_approver = NULL")
    assert find_setting(make_settings()) is SecondApprover.NEVER
    assert find_setting(make_settings(second_approver=SecondApprover.ALWAYS)) is SecondApprover.ALWAYS
