"""Test saved views: one set per user, without local IDs."""

from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.service.review.queue import Filters
from mpi.service.review.saved_views import (
    MAX_NAME_LENGTH,
    MAX_SHARED,
    MAX_VIEWS,
    SharedView,
    delete_view,
    list_saved_views,
    list_shared_views,
    save_view,
)
from mpi.storage.unit_of_work.database import Lock
from tests.desk import ANN, BEN, NOBODY, SIS_STEWARD
from tests.unit.service.review.test_queue_triage import steward_under


def test_view_is_saved_by_name_for_its_author(index):
    save_view(index, ANN, "rechecks of ccwis", Filters(kind="recheck", source="ccwis", text="C-1", due=True))
    save_view(index, ANN, "all", Filters(state=None))
    save_view(index, BEN, "all", Filters(mine=True))
    assert list_saved_views(index, ANN) == {
        "all": Filters(state=None),
        "rechecks of ccwis": Filters(kind="recheck", source="ccwis", due=True),
    }
    save_view(index, ANN, "all", Filters(kind="claim"))
    delete_view(index, ANN, "rechecks of ccwis")
    assert list_saved_views(index, ANN) == {"all": Filters(kind="claim")}
    assert list_saved_views(index, BEN) == {"all": Filters(mine=True)}


def test_invalid_name_or_filter_is_refused(index):
    for name in ("", " ", "a\nb", "x" * (MAX_NAME_LENGTH + 1)):
        with pytest.raises(InputError, match="name"):
            save_view(index, ANN, name, Filters())
    with pytest.raises(InputError, match="state"):
        save_view(index, ANN, "x", Filters(state="lost"))
    for number in range(MAX_VIEWS):
        save_view(index, ANN, str(number), Filters())
    with pytest.raises(InputError, match="delete"):
        save_view(index, ANN, "one more", Filters())
    with pytest.raises(NotFoundError):
        delete_view(index, BEN, "0")
    with pytest.raises(AccessDenied):
        list_saved_views(index, NOBODY)


def test_a_shared_view_is_listed_for_those_who_see_the_same_sources(index):
    save_view(index, ANN, "all sources", Filters(sort="age"), shared=True)
    save_view(index, ANN, "mine alone", Filters(mine=True))
    save_view(index, SIS_STEWARD, "schools", Filters(source="sis", child="Zimmer"), shared=True)
    assert list_shared_views(index, ANN) == [SharedView("schools", "sis-steward", Filters(source="sis"))]
    assert list_shared_views(index, BEN) == [
        SharedView("all sources", "ann", Filters(sort="age")),
        SharedView("schools", "sis-steward", Filters(source="sis")),
    ]
    colleague = replace(SIS_STEWARD, client="colleague")
    assert [view.name for view in list_shared_views(index, colleague)] == ["schools"]
    assert list_shared_views(index, replace(colleague, sources=frozenset({"ccwis"}))) == []
    with pytest.raises(AccessDenied):
        list_shared_views(index, NOBODY)


def test_a_shared_view_stays_its_authors(index):
    save_view(index, ANN, "young", Filters(max_age=5), shared=True)
    assert list_saved_views(index, BEN) == {}
    with pytest.raises(NotFoundError):
        delete_view(index, BEN, "young")
    save_view(index, ANN, "young", Filters(max_age=5))
    assert list_shared_views(index, BEN) == []


def test_a_view_by_a_flag_is_shared_with_those_who_may_filter_by_it(index):
    save_view(index, BEN, "in care", Filters(flag="foster_care"), shared=True)
    assert [view.name for view in list_shared_views(index, ANN)] == ["in care"]
    assert [view.name for view in list_shared_views(index, steward_under("flags.foster_care"))] == ["in care"]
    assert list_shared_views(index, steward_under("first_name")) == []


def test_views_of_hidden_sources_take_no_place_among_the_first(index):
    with index.database.write(ANN, "saved-view", Lock.NONE) as unit:
        for number in range(MAX_SHARED):
            unit.saved_views.save("ann", f"a{number}", {}, None)
    save_view(index, SIS_STEWARD, "schools", Filters(source="sis"), shared=True)
    colleague = replace(SIS_STEWARD, client="colleague")
    assert [view.name for view in list_shared_views(index, colleague)] == ["schools"]
