"""Choice of another child on a correction's form, by search or ID."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mpi.api.pages.rendering.child_labels import ChildLabel, label_child
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.request.forms import Form
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import EidError, InputError, MpiError, NotFoundError, RecordError, SearchLimitError
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.persons.persons import PersonView, look_up_person
from mpi.service.persons.search import SearchResult, search_persons

SEARCH_FIELDS = ("first_name", "last_name", "birth_date")
"""Canonical fields by which another child is searched for."""
_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Child:
    """Child that a correction is about, as the reader may see it."""

    person: PersonView
    label: ChildLabel

    @property
    def eid(self) -> str:
        """Enterprise ID."""
        return self.person.enterprise_id


@dataclass(frozen=True, slots=True)
class FoundChild:
    """Child that the search of a form found, best match first."""

    label: ChildLabel
    result: SearchResult


@dataclass(frozen=True, slots=True)
class ChildSearch:
    """Search part of a correction's form.

    Args:
        criteria: what was typed, by field; at first the name and birth date of the child at hand.
        found: children that match; None before a search.
        error: why the search gave no answer.
    """

    criteria: Mapping[str, str] = field(default_factory=dict)
    found: Sequence[FoundChild] | None = None
    error: MpiError | None = None

    @property
    def error_field(self) -> str:
        """Field that the error is about."""
        name = self.error.field if isinstance(self.error, RecordError) else ""
        return name if name in SEARCH_FIELDS else SEARCH_FIELDS[0]


def load_child(index: Index, viewer: Viewer, text: str) -> Child:
    """Return the child of an enterprise ID.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never given out, or the viewer may see nothing of it.
    """
    person = look_up_person(index, viewer, text)
    names = look_up_child_names(index, viewer, Action.PERSON_READ, enterprise_ids=[person.enterprise_id])
    return Child(person, label_child(names.by_id.get(person.enterprise_id)))


def load_other(index: Index, viewer: Viewer, text: str, child: Child) -> Child:
    """Return the other child of a correction.

    It must be active, and must not be the first child.

    Raises:
        InputError: the text is no such child's ID; the message is for the form.
    """
    texts = load_words().correction
    try:
        other = load_child(index, viewer, text)
    except (EidError, NotFoundError) as error:
        record_denied_call(index, error)
        raise InputError(str(error)) from None
    if other.eid == child.eid:
        raise InputError(texts.same_child)
    if other.person.status != _ACTIVE:
        now = ", ".join(eid for eid in other.person.now if eid != child.eid)
        raise InputError(str(format_text(texts.retired_now, eids=now)) if now else texts.retired)
    return other


def is_active(child: Child) -> bool:
    """Return whether the child has records that can be linked or moved."""
    return child.person.status == _ACTIVE


def suggest_search(index: Index, viewer: Viewer, child: Child) -> ChildSearch:
    """Return a search prefilled with a child's name and birth date.

    The search has not run.
    """
    names = look_up_child_names(index, viewer, Action.PERSON_READ, enterprise_ids=[child.eid])
    name = names.by_id.get(child.eid)
    if name is None:
        return ChildSearch()
    stated = {part: getattr(name, part) for part in SEARCH_FIELDS}
    return ChildSearch({part: value for part, value in stated.items() if value})


def search_children(index: Index, viewer: Viewer, form: Form, child: Child | None = None) -> ChildSearch:
    """Search for other children with the fields of a form.

    The search counts as any other search of the viewer does.

    Args:
        index: the open index.
        viewer: who searches.
        form: the form.
        child: a child that is left out of the result.
    """
    criteria = {name: form.raw_text(name) for name in SEARCH_FIELDS}
    typed = {name: value for name in SEARCH_FIELDS if (value := form.optional_text(name)) is not None}
    try:
        results = search_persons(index, viewer, typed)
    except (RecordError, SearchLimitError) as error:
        return ChildSearch(criteria, error=error)
    return ChildSearch(criteria, label_results(index, viewer, results, without=child))


def label_results(
    index: Index, viewer: Viewer, results: Sequence[SearchResult], without: Child | None = None
) -> tuple[FoundChild, ...]:
    """Return the results of a search with the children's names."""
    listed = [result for result in results if without is None or result.enterprise_id != without.eid]
    found = [result.enterprise_id for result in listed]
    # The action is not that of a search: a second line of it would count as a second search.
    names = look_up_child_names(index, viewer, Action.PERSON_READ, enterprise_ids=found, in_search=True).by_id
    return tuple(FoundChild(label_child(names.get(result.enterprise_id)), result) for result in listed)
