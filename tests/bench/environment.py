"""Machine, server settings and progress lines that all benchmarks share."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version

PACKAGES = ("splink", "duckdb", "sqlalchemy", "fastapi", "uvicorn", "uvloop", "httptools", "rapidfuzz")


def advised_settings() -> dict[str, str]:
    """Return the server settings that docs/how-to/postgresql.md advises."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "shared_buffers": f"{memory_mb // 4}MB",
        "effective_cache_size": f"{memory_mb * 3 // 4}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
    }


def machine() -> dict[str, object]:
    """Return the machine, the versions and the date of the measurement."""
    return {
        "on": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def step(message: str) -> None:
    """Print the current step to stderr."""
    print(message, file=sys.stderr, flush=True)
