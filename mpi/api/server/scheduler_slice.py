"""Processes that run as soon as they are woken, beside others that compute for long.

Linux lets a process that computes go on for its slice, some three milliseconds, while one that was woken by
the disk or by a caller waits. With a shorter slice of its own that one goes first; its share of the processor
stays as it is. A look-up is woken some six times; ADR 0060 has figures.
"""

import ctypes
import os
import sys

SLICE_NS = 500_000
"""Nanoseconds. A look-up computes for less between two waits; the kernel takes from 0.1 to 100 ms."""


class _Attributes(ctypes.Structure):
    """``struct sched_attr`` in its first version; see sched_setattr(2)."""

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


def wake_soon() -> bool:
    """Ask for short slices for this thread, and the threads and processes that it begins from now on.

    Returns whether they are had: not before Linux 6.12 and glibc 2.41, nor on other systems, nor where an
    operator has put the process into another class than the ordinary one.
    """
    if sys.platform != "linux" or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "sched_setattr"):
        return False
    wanted = _Attributes(
        size=ctypes.sizeof(_Attributes),
        policy=os.SCHED_OTHER,
        nice=os.getpriority(os.PRIO_PROCESS, 0),
        runtime=SLICE_NS,
    )
    libc.sched_setattr(0, ctypes.byref(wanted), 0)
    return slice_ns() == SLICE_NS


def slice_ns(thread: int = 0) -> int | None:
    """Nanoseconds of the slice of a thread, by its number, or of this one; None where that is not told."""
    if sys.platform != "linux":
        return None
    libc, found = ctypes.CDLL(None), _Attributes()
    if not hasattr(libc, "sched_getattr"):
        return None
    failed = libc.sched_getattr(thread, ctypes.byref(found), ctypes.sizeof(found), 0)
    return None if failed else int(found.runtime)
