"""Writing of a proposal as the text of a mapping."""

import json
from collections.abc import Iterable, Sequence

from mpi.intake.proposal.columns import ColumnProposal
from mpi.intake.proposal.sample import FileForm

_LIST_PREFIXES = ("identifiers.", "flags.", "guardians.")


def write_mapping(
    name: str, form: FileForm, proposals: Sequence[ColumnProposal], assigner: str, title: str | None
) -> str:
    """Return the text of a mapping file.

    Args:
        name: name of the file, for the description.
        form: how the file is read.
        proposals: what each column means.
        assigner: who gives state student IDs, such as ``OH``.
        title: name of the program that wrote the file, if it is known.
    """
    kept = [proposal for proposal in proposals if proposal.target is not None]
    left_out = [proposal.column for proposal in proposals if proposal.target is None]
    origin = f", an export of {title}" if title else ""
    lines = [f"description = {_quote(f'Proposed by mpi map from {name}{origin}')}"]
    key = next((proposal for proposal in kept if proposal.target == "local_id"), None)
    lines.append(
        "local_id = {row = true}   # no column tells the rows apart: load with --snapshot full"
        if key is None
        else f"local_id = {_quote(key.column)}"
    )
    if left_out:
        lines.append(f"ignore = [{', '.join(map(_quote, left_out))}]")
    lines += ["", "[file]", *_list_form(form), "", "[fields]"]
    lines += [
        _write_value(proposal.target or "", proposal)
        for proposal in kept
        if proposal.target != "local_id" and not (proposal.target or "").startswith(_LIST_PREFIXES)
    ]
    columns = {proposal.column for proposal in proposals}
    lines += _list_identifiers(kept, assigner)
    lines += _list_flags(kept)
    lines += _list_guardians(kept, columns)
    return "\n".join(lines) + "\n"


def _list_form(form: FileForm) -> Iterable[str]:
    """Yield the lines of ``[file]``."""
    yield f"format = {_quote(form.format)}"
    if form.delimiter:
        yield f"delimiter = {_quote(form.delimiter)}"
    if form.encoding:
        yield f"encoding = {_quote(form.encoding)}"
    if form.sheet:
        yield f"sheet = {_quote(form.sheet)}"
    if form.header_row:
        yield f"header_row = {form.header_row}"


def _write_value(key: str, proposal: ColumnProposal) -> str:
    """Return the line that takes a value from a column."""
    parts = [f"column = {_quote(proposal.column)}"]
    if proposal.date_formats:
        parts.append(f"date_format = [{', '.join(map(_quote, proposal.date_formats))}]")
    if proposal.first_year is not None:
        parts.append(f"first_year = {proposal.first_year}")
    if proposal.codes:
        codes = ", ".join(f"{_quote(code)} = {_quote(value)}" for code, value in proposal.codes.items())
        parts.append(f"codes = {{{codes}}}")
    value = _quote(proposal.column) if len(parts) == 1 else f"{{{', '.join(parts)}}}"
    return f"{key} = {value}   # {proposal.confidence:.0%}"


def _list_identifiers(kept: Iterable[ColumnProposal], assigner: str) -> Iterable[str]:
    """Yield the tables of identifiers."""
    for proposal in kept:
        head, _, system = (proposal.target or "").partition(".")
        if head == "identifiers":
            yield from (
                "",
                "[[identifiers]]",
                f"system = {_quote(system)}",
                f"assigner = {_quote(assigner)}",
                _write_value("value", proposal),
            )


def _list_flags(kept: Iterable[ColumnProposal]) -> Iterable[str]:
    """Yield the tables of flags."""
    for proposal in kept:
        head, _, population = (proposal.target or "").partition(".")
        if head == "flags":
            yield from (
                "",
                "[[flags]]",
                f"population = {_quote(population)}",
                _write_value("value", proposal),
            )


def _list_guardians(kept: Iterable[ColumnProposal], columns: set[str]) -> Iterable[str]:
    """Yield the tables of guardians, one for each person."""
    groups: dict[str, dict[str, ColumnProposal]] = {}
    for proposal in kept:
        parts = (proposal.target or "").split(".")
        if parts[0] == "guardians":
            groups.setdefault(parts[1], {})[parts[2]] = proposal
    for values in groups.values():
        yield from ("", "[[guardians]]")
        yield from (_write_value(key, proposal) for key, proposal in values.items())
        relationship = next((each.relationship for each in values.values() if each.relationship), None)
        if relationship and "guardian_relationship" not in values:
            # A fixed value must not equal a column's name.
            words = (relationship, relationship.title(), relationship.upper())
            word = next((word for word in words if word not in columns), None)
            if word is not None:
                yield f"guardian_relationship = {{constant = {_quote(word)}}}"


def _quote(text: str) -> str:
    """Write a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
