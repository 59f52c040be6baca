"""Test saved views: one set per user, without local IDs."""

import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.service.review.queue import Filters
from mpi.service.review.saved_views import (
    MAX_NAME_LENGTH,
    MAX_VIEWS,
    delete_view,
    list_saved_views,
    save_view,
)
from tests.desk import ANN, BEN, NOBODY


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
