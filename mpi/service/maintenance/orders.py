"""Application of orders of the orders file that the database lacks.

A backup does not know the orders to seal, unseal and expunge that were given since. Without them, a restored
index would show a sealed child.
"""

from collections.abc import Sequence

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.statements.boundary_orders import append_missing_orders, open_orders_file, to_lines
from mpi.storage.backends.orders_file import OrderLine, OrdersFile
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_KIND = "orders"


def apply_missing_orders(index: Index, viewer: Viewer) -> int:
    """Apply the orders of the orders file that the database lacks.

    Orders that the file lacks are written to it. That happens where several machines have a file each.

    Args:
        index: the open index.
        viewer: who opens it.

    Returns:
        The number of orders applied.

    Raises:
        StoreError: the file is missing, cannot be read or written, is damaged, or is of another index; or it
            has other orders than the database.
    """
    with index.database.read(viewer) as unit:
        file, last_here = open_orders_file(unit, index), unit.boundary_orders.last_number()
    if file is None:
        return 0
    last_line = file.read_last()
    if last_line is None:
        _require_no_orders(file, last_here)
        return 0
    if last_line.no == last_here:
        with index.database.read(viewer) as unit:
            _require_same_orders(unit, file, [last_line])
        return 0
    with index.database.write(viewer, _KIND) as unit:
        return _catch_up(unit, index, file)


def write_orders_file(index: Index, viewer: Viewer) -> int:
    """Write the orders file anew from the database, where it was lost.

    Returns:
        The number of orders.

    Raises:
        StoreError: there is a file already, or it cannot be written.
    """
    with index.database.write(viewer, _KIND) as unit:
        file = open_orders_file(unit, index)
        if file is None:
            return 0
        if file.exists():
            raise StoreError(f"there is an orders file already: {file.path}")
        append_missing_orders(unit, file)
        return unit.boundary_orders.last_number()


def _require_no_orders(file: OrdersFile, last_here: int) -> None:
    if last_here:
        raise StoreError(
            f"the orders file {file.path} is missing, and the index has {last_here:,} orders: put the file "
            "back, or set MPI_ORDERS_FILE; only if it is lost for good, run mpi db orders --write"
        )


def _require_same_orders(unit: ReadUnit, file: OrdersFile, lines: Sequence[OrderLine]) -> None:
    """Raise if database and file have different orders of one number."""
    if not lines:
        return
    stored = {line.no: line for line in to_lines(unit, unit.boundary_orders.orders_after(lines[0].no - 1))}
    for line in lines:
        own = stored.get(line.no)
        if own is not None and (own.at, own.kind, own.record) != (line.at, line.kind, line.record):
            raise StoreError(
                f"order {line.no} of {file.path} is not order {line.no} of the database: they are of two "
                "histories of the index; restore the database and the file that belong together"
            )


def _catch_up(unit: WriteUnit, index: Index, file: OrdersFile) -> int:
    """Apply what the database lacks, and write what the file lacks."""
    last_here, lines = unit.boundary_orders.last_number(), file.read_after(0)
    _require_same_orders(unit, file, lines)
    missing = lines[last_here:]
    if not missing:
        append_missing_orders(unit, file)
        return 0
    from mpi.service.maintenance.order_replay import apply_orders  # noqa: PLC0415 - a look-up needs no matching

    apply_orders(unit, index, missing)
    return len(missing)
