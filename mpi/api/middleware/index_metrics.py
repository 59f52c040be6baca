"""Prometheus gauges of an index: checks, loads, ledger, backup, published counts.

They are for the operator who asks for them, never for ``/metrics``, which needs no key. No gauge counts live
records: counts are those of the published figures, of an earlier day, rounded and with noise.
"""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from mpi.domain import clock
from mpi.domain.ledger.signed_root import parse_root
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.maintenance.health import CheckState, Health, read_health
from mpi.service.quality.model_fit import Verdict, read_public_model_fit
from mpi.service.quality.publication import SUMMARY, read_publication
from mpi.storage.repositories.sources.batches import LOADED

_BACKUPS = ("*.age", "*/complete")
"""Files of ``mpi backup``, and the last file of a backup of an earlier version's script."""


def render_index_metrics(index: Index, viewer: Viewer, backup_folder: Path | None = None) -> str:
    """Render the gauges of an index in Prometheus text format.

    Args:
        index: the open index.
        viewer: the operator.
        backup_folder: folder of the backups; None to tell of none.

    Raises:
        AccessDenied: the viewer may not administer sources.
    """
    registry = CollectorRegistry()
    health = read_health(index, viewer)
    _add_state(registry, health, index)
    _add_moments(registry, index, viewer)
    _add_published_counts(registry, index, viewer)
    if backup_folder is not None:
        moment = find_latest_backup(backup_folder)
        _add(
            registry, "mpi_last_backup_timestamp_seconds", "Time of the latest complete backup.", moment or 0
        )
    return generate_latest(registry).decode()


def find_latest_backup(folder: Path) -> float | None:
    """Return the Unix time of the latest complete backup, or None."""
    files = (file for pattern in _BACKUPS for file in folder.glob(pattern) if file.name[0] != ".")
    return max((file.stat().st_mtime for file in files), default=None)


def _add_state(registry: CollectorRegistry, health: Health, index: Index) -> None:
    """Add versions, checks, free space and the fit of the model."""
    build = Gauge("mpi_build_info", "Versions in use.", ("version", "schema", "model"), registry=registry)
    build.labels(health.program, health.schema, health.model).set(1)
    checks = Gauge(
        "mpi_check_good", "1 if a check of the page Health is good.", ("check",), registry=registry
    )
    for check in health.checks:
        if check.state is not CheckState.UNKNOWN:
            checks.labels(check.name.value).set(check.state is CheckState.GOOD)
    free = shutil.disk_usage(index.home).free
    _add(registry, "mpi_disk_free_bytes", "Free space of the disk of the home folder.", free)
    model_fit = read_public_model_fit(index)
    is_unlike = model_fit.verdict is Verdict.UNLIKE
    _add(registry, "mpi_model_unlike", "1 if the records are unlike those of the model.", is_unlike)
    _add(
        registry, "mpi_model_outgrown", "1 if the model was fitted for far fewer records.", model_fit.outgrown
    )
    _add(registry, "mpi_metrics_timestamp_seconds", "Time of these figures.", clock.now().timestamp())


def _add_moments(registry: CollectorRegistry, index: Index, viewer: Viewer) -> None:
    """Add the times of sources' latest loads and the latest signed root."""
    loads = Gauge(
        "mpi_last_load_timestamp_seconds", "Time of a source's latest load.", ("source",), registry=registry
    )
    loaded = Gauge("mpi_last_load_done", "1 if that load is done.", ("source",), registry=registry)
    with index.database.read(viewer) as unit:
        retired = {source.code for source in unit.sources.all() if source.is_retired}
        batches = unit.batches.latest_by_source()
        commits = unit.commit_info({batch.commit_no for batch in batches.values()})
        roots = unit.ledger_tree.list_roots()
    for source, batch in sorted(batches.items()):
        if source in retired:
            continue
        loads.labels(source).set(_to_seconds([commits[batch.commit_no][0]]))
        loaded.labels(source).set(batch.status == LOADED)
    signed = [parse_root(roots[-1]).at] if roots else []
    _add(
        registry,
        "mpi_ledger_signed_timestamp_seconds",
        "Time of the ledger's latest signed root.",
        _to_seconds(signed),
    )


def _add_published_counts(registry: CollectorRegistry, index: Index, viewer: Viewer) -> None:
    """Add the published counts that are large enough to be shown."""
    with index.database.read(viewer) as unit:
        publication = read_publication(unit, index, SUMMARY)
    counts = Gauge("mpi_published_count", "Published count of an earlier day.", ("count",), registry=registry)
    if publication is not None:
        for name, count in sorted(publication.counts.items()):
            if count >= publication.day.smallest_shown:
                counts.labels(name).set(count)


def _add(registry: CollectorRegistry, name: str, text: str, value: float) -> None:
    """Add a gauge without labels."""
    Gauge(name, text, registry=registry).set(value)


def _to_seconds(moments: Iterable[str]) -> float:
    """Return the latest moment in seconds since 1970; 0 without any.

    The moments are ISO texts in UTC.
    """
    return max((datetime.fromisoformat(moment).timestamp() for moment in moments), default=0.0)
