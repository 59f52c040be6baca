"""Sizes of the cells of an Arrow column as Python values."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Sizes = npt.NDArray[np.int64]


def measure_cells(column: pa.Array) -> Sizes:
    """Return the bytes of each cell, nested values included.

    A text of a dictionary counts in each cell that refers to it. Every value counts as one byte at least,
    since a list of nulls takes memory too.

    Args:
        column: an Arrow array.
    """
    column = _to_common_layout(column)
    kind = column.type
    if pa.types.is_nested(kind):
        return _measure_nested(column)
    if pa.types.is_dictionary(kind):
        return _measure_dictionary(column)
    if any(is_text(kind) for is_text in _TEXT_TYPES):
        lengths = pc.fill_null(pc.binary_length(column), 0)
        sizes: Sizes = np.maximum(lengths.to_numpy(zero_copy_only=False).astype(np.int64), 1)
        return sizes
    return np.full(len(column), _fixed_width(kind), np.int64)


def is_flat(kind: pa.DataType) -> bool:
    """Return whether each cell of this type has bytes of its own."""
    return not (pa.types.is_nested(kind) or pa.types.is_dictionary(kind) or pa.types.is_null(kind))


_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
)


def _to_common_layout(column: pa.Array) -> pa.Array:
    """Return an extension or view column as a common type."""
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _to_common_layout(column.storage)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return column.cast(pa.large_list(kind.value_type))
    return column


def _measure_nested(column: pa.Array) -> Sizes:
    """Return the bytes of each struct or list of a column."""
    kind = column.type
    if pa.types.is_struct(kind):
        return sum((measure_cells(field) for field in column.flatten()), np.ones(len(column), np.int64))
    if pa.types.is_fixed_size_list(kind):
        offsets = (np.arange(len(column) + 1, dtype=np.int64) + column.offset) * kind.list_size
    else:
        offsets = column.offsets.to_numpy().astype(np.int64)
    totals = np.concatenate(([0], np.cumsum(measure_cells(column.values))))
    sizes: Sizes = totals[offsets[1:]] - totals[offsets[:-1]] + 1
    return sizes


def _measure_dictionary(column: pa.Array) -> Sizes:
    """Return the bytes of the text to which each cell refers."""
    if not len(column.dictionary):
        return np.ones(len(column), np.int64)
    positions = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
    sizes: Sizes = measure_cells(column.dictionary)[positions]
    return sizes


def _fixed_width(kind: pa.DataType) -> int:
    """Return the bytes of a value of a type of fixed width."""
    try:
        return max(int(kind.bit_width) // 8, 1)
    except ValueError:
        return 1
