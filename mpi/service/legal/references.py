"""References of papers and orders, by which an index names them."""

from mpi.domain.errors import InputError
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH, clean_reference


def require_reference(given: str | None, stored: str) -> None:
    """Refuse a call that names another paper.

    Args:
        given: the number that the caller gave; None where none was given.
        stored: the number of the paper that the call is about.

    Raises:
        InputError: they differ.
    """
    if given is not None and given.strip() != stored:
        raise InputError("reference: it is the number of another paper, so nothing was done")


def check_reference(text: str) -> str:
    """Return the number of a paper or order after checking its form.

    Raises:
        InputError: it is empty, too long, without a digit, or has a character that no reference has.
    """
    reference = clean_reference(text)
    if reference is None:
        raise InputError(
            f"reference: give the number of the paper or order, 1 to {MAX_REFERENCE_LENGTH} letters, digits "
            "and - / . : # ( ) &, with a digit, and no name of a person"
        )
    return reference
