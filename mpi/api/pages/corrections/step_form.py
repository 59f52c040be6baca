"""Fields that the forms of all corrections share.

They are the reason, the decisions to replace, and the key that detects a repeated form.
"""

import hashlib
from collections.abc import Collection
from dataclasses import replace

from mpi.api.pages.desk.shown_values import parse_record_key
from mpi.api.request.forms import Form
from mpi.domain import clock
from mpi.domain.errors import ConflictError, DecisionConflict, InputError, MpiError, StaleError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import IdempotentCall, Viewer
from mpi.service.stewardship.merge_split_move import StepOptions

_CONFIRM, _REPEAT, _TOKEN = "confirm", "once", "csrf"


def read_options(form: Form, etags: Collection[str]) -> StepOptions:
    """Return reason, note and conditions of a correction's form.

    Without the field ``confirm`` the step is a preview.

    Args:
        form: the form.
        etags: tags of the children as the page showed them.

    Raises:
        InputError: the reason is missing, or the decisions to replace are no numbers.
    """
    return StepOptions(
        reason=form.text("reason"),
        note=form.optional_text("note"),
        supersedes=_parse_numbers(form.raw_text("supersedes")),
        expected_etags=tuple(etags),
        preview=not form.is_checked(_CONFIRM),
    )


def make_form_key() -> str:
    """Return the key that makes a form sent twice count once.

    It is the time at which the page is made: the same form of a page made later is a new step.
    """
    return clock.format_timestamp(clock.now())


def make_repeatable(viewer: Viewer, path: str, form: Form) -> Viewer:
    """Return the viewer whose confirmed form, sent again, is not done again.

    The key covers the whole form: a form that was changed after it was sent is a new call.

    Args:
        viewer: who sends it.
        path: the address that it is sent to.
        form: the form with the key of ``make_form_key``.
    """
    if not form.is_checked(_CONFIRM) or form.optional_text(_REPEAT) is None:
        return viewer
    fields = [(name, value) for name in form.names() if name != _TOKEN for value in form.texts(name)]
    call = repr((path, fields)).encode()
    return replace(viewer, idempotent_call=IdempotentCall(f"form-{hashlib.sha256(call).hexdigest()}", call))


def parse_records(form: Form) -> tuple[RecordRef, ...]:
    """Return the records that are marked on a form, once each.

    Raises:
        InputError: a value is not a record of the page.
    """
    records = [parse_record_key(key) for key in form.texts("record")]
    if None in records:
        raise InputError("record: not one of this page")
    return tuple(dict.fromkeys(record for record in records if record is not None))


def is_shown_on_form(error: MpiError) -> bool:
    """Return whether a form shows an error beside its fields.

    Other errors, such as a refusal of the policy, have a page of their own.
    """
    return isinstance(error, InputError | StaleError | DecisionConflict) or type(error) is ConflictError


def _parse_numbers(text: str) -> tuple[int, ...]:
    """Parse comma-separated decision numbers."""
    numbers = [number.strip() for number in text.split(",") if number.strip()]
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        raise InputError("supersedes: give numbers of decisions")
    return tuple(map(int, numbers))
