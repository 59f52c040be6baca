"""Writer of a model folder from settings that Splink saved."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from mpi.domain.features import TEXT_COLUMNS
from mpi.domain.weight import Thresholds
from mpi.matching.model.scoring_parameters import read_parameters
from mpi.standardize.version import STANDARDIZER_VERSION
from training.fit.errors import TrainingError
from training.fit.frequencies import LEAST_OCCURRENCES, count_frequencies
from training.fit.model_writer import ModelIdentity, format_checksums_toml, format_frequencies_csv
from training.wrap.blocking import convert_blocking_rules
from training.wrap.score_check import ScoreCheck, check_scores

INDEX_LINK_TYPE = "dedupe_only"
"""Link type of every model of an index, which compares all records of all sources."""

_CARD = """\
# {name} {version}

Settings trained by Splink, not by this project, and wrapped by `python -m training wrap`. Nobody has measured
it here, and it has no cautions. Frequencies are those of the {records:,} records that it was wrapped with.
"""


def wrap_settings(
    settings_file: Path,
    records: pa.Table,
    folder: Path,
    identity: ModelIdentity,
    thresholds: Thresholds,
    least_occurrences: int = LEAST_OCCURRENCES,
) -> ScoreCheck:
    """Write a model folder from Splink settings; check that it scores alike.

    Loading refuses what cannot be scored exactly. A model that was trained to link files keeps its weights
    and its prior, and compares all records.

    Args:
        settings_file: file that ``linker.misc.save_model_to_json`` wrote.
        records: feature table whose term frequencies count.
        folder: folder of the model; made if absent.
        identity: name and version of the model.
        thresholds: thresholds for enterprise IDs and for research alike.
        least_occurrences: fewest records that must share a value before the model lists its frequency.

    Returns:
        Weights of pairs of the records by Splink and by the index.

    Raises:
        TrainingError: the file is not Splink's settings, a blocking rule has no counterpart, or a pair has
            another weight than Splink gives it.
        ModelError: a comparison cannot be scored exactly; the message names it.
    """
    settings = _read_settings(settings_file) | {"link_type": INDEX_LINK_TYPE}
    blocking = convert_blocking_rules(settings.get("blocking_rules_to_generate_predictions") or ())
    adjusted = {
        level.adjustment.column
        for comparison in read_parameters(settings).comparisons
        for level in comparison.levels
        if level.adjustment is not None
    }
    unusable = sorted(adjusted - (TEXT_COLUMNS & set(records.column_names)))
    if unusable:
        raise TrainingError(
            f"{settings_file}: {unusable[0]!r} has a frequency adjustment but is not a feature with a "
            "single text"
        )
    frequencies = count_frequencies(records, sorted(adjusted), least_occurrences)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "settings.json": json.dumps(settings, indent=1) + "\n",
        "frequencies.csv": format_frequencies_csv(frequencies),
        "metrics.json": json.dumps({"records": len(records)}) + "\n",
        "card.md": _CARD.format(name=identity.name, version=identity.version, records=len(records)),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    head = _format_model_toml(identity, len(records), thresholds, blocking, frequencies.tails)
    (folder / "model.toml").write_text(head + format_checksums_toml(folder), encoding="utf-8")
    return check_scores(settings, records, folder)


def _read_settings(settings_file: Path) -> dict[str, Any]:
    """Read the JSON file of Splink's settings."""
    try:
        settings = json.loads(settings_file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{settings_file}: cannot be read as Splink's settings: {error}") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("comparisons"), list):
        raise TrainingError(f"{settings_file}: not Splink's settings: it has no list of comparisons")
    return settings


def _format_model_toml(
    identity: ModelIdentity,
    records: int,
    thresholds: Thresholds,
    blocking: Mapping[str, list[str]],
    tails: Mapping[str, float],
) -> str:
    """Return the text of a model's ``model.toml``, without the checksums."""
    lines = [
        f"name = {json.dumps(identity.name)}",
        f"version = {json.dumps(identity.version)}",
        f"standardizer = {json.dumps(STANDARDIZER_VERSION)}",
        f"index_size = {records}",
        "",
        "[thresholds]  # bits",
        *(f"{name} = {value!r}" for name, value in asdict(thresholds).items()),
        "",
        "[blocking]  # a pair that agrees on every part of a rule is compared",
        *(f"{name} = {json.dumps(parts)}" for name, parts in blocking.items()),
        "",
        "[tail_frequency]  # share given to every value that frequencies.csv does not list",
        *(f"{column} = {share!r}" for column, share in tails.items()),
        "",
    ]
    return "\n".join(lines) + "\n"
