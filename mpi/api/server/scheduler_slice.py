"""Short scheduler time slices for processes that answer calls on Linux.

Linux lets a computing process finish its time slice, some three milliseconds, while a process that the disk
or a client woke has to wait. A process with a shorter slice goes first when it wakes; its share of the
processor stays the same. A look-up wakes some six times; docs/decisions/0060 has figures.
"""

import ctypes
import os
import sys

SLICE_NS = 500_000
"""Length of the time slice in nanoseconds.

A look-up computes for less than this between two waits. The kernel accepts 0.1 to 100 ms.
"""


class _Attributes(ctypes.Structure):
    """The first version of ``struct sched_attr``; see sched_setattr(2)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def request_short_slice() -> bool:
    """Request short time slices for this thread and all that it starts.

    Returns:
        Whether they were granted. They are not before Linux 6.12 and glibc 2.41, on other systems, or where
        an operator has given the process another scheduling class.
    """
    if sys.platform != "linux" or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "sched_setattr"):
        return False
    attributes = _Attributes(
        size=ctypes.sizeof(_Attributes),
        policy=os.SCHED_OTHER,
        nice=os.getpriority(os.PRIO_PROCESS, 0),
        runtime=SLICE_NS,
    )
    libc.sched_setattr(0, ctypes.byref(attributes), 0)
    return slice_ns() == SLICE_NS


def slice_ns(thread: int = 0) -> int | None:
    """Return the time slice of a thread in nanoseconds.

    Args:
        thread: its number; 0 for the calling thread.

    Returns:
        None where the system does not tell.
    """
    if sys.platform != "linux":
        return None
    libc, attributes = ctypes.CDLL(None), _Attributes()
    if not hasattr(libc, "sched_getattr"):
        return None
    failed = libc.sched_getattr(thread, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    return None if failed else int(attributes.runtime)
