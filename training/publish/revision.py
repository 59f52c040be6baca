"""Revision of a published model: new cautions over the same weights."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import MODEL_FILES, MatchModel, load_model
from mpi.standardize.version import STANDARDIZER_VERSION
from training.fit.birth_date_precision import are_complete_dates_usual
from training.fit.errors import TrainingError
from training.fit.limits.cautions import build_cautions
from training.fit.model_writer import format_cautions, format_checksums_toml
from training.fit.settings import find_near_number_bits
from training.plots.figures import FITTED_FIGURES, FOLDER
from training.publish.card_results import HEADING

_CAUTIONS = re.compile(r"^\[cautions\][^\n]*\n.*?(?=^\[blocking\])", re.MULTILINE | re.DOTALL)
_CARD_NOTE = """\
Revised by `python -m training revise`: weights, prior, thresholds, blocking rules and frequencies are
those of {before}, fitted on standardizer {standardizer}. Its cautions were written anew.
"""


def revise_model(folder: Path, version: str, out: Path) -> Path:
    """Write a model with the cautions of this program, without another fit.

    The standardizer's version becomes the present one. Do so only where the features that the model
    compares kept their meaning; else fit the model anew.

    Args:
        folder: folder of the published model.
        version: version of the new model, under the same name.
        out: folder of the new model; must not exist.

    Raises:
        ModelError: the model does not load, or a caution cannot be compiled.
        TrainingError: the new folder exists, or the model's description has another form.
    """
    model = load_model(folder, of_any_standardizer=True)
    if out.exists():
        raise TrainingError(f"{out}: exists already; name another folder")
    head = _revise_head((folder / "model.toml").read_text("utf-8"), model, version, _read_metrics(folder))
    out.mkdir(parents=True)
    for name in MODEL_FILES:
        shutil.copyfile(folder / name, out / name)
    card = (folder / "card.md").read_text("utf-8")
    standardizer = tomllib.loads((folder / "model.toml").read_text("utf-8"))["standardizer"]
    card = _revise_card(card, model, version, standardizer)
    (out / "card.md").write_text(card, encoding="utf-8", newline="")
    (out / "model.toml").write_text(head + format_checksums_toml(out), encoding="utf-8", newline="")
    compile_scorer(load_model(out))
    _copy_figures(folder / FOLDER, out / FOLDER)
    return out


def _copy_figures(figures: Path, out: Path) -> None:
    """Copy the figures of the weights, which stay as they are."""
    present = [name for name in FITTED_FIGURES if (figures / name).is_file()]
    if present:
        out.mkdir()
    for name in present:
        shutil.copyfile(figures / name, out / name)


def _read_metrics(folder: Path) -> dict[str, Any]:
    """Read the figures of a model's fit."""
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
    return metrics


def _revise_head(head: str, model: MatchModel, version: str, metrics: dict[str, Any]) -> str:
    """Return the model's description with new cautions, without checksums."""
    cautions = build_cautions(
        model.thresholds,
        float(metrics.get("relief_of_guards", 0.0)),
        find_near_number_bits(model.settings),
        complete_dates_usual=are_complete_dates_usual(float(metrics.get("whole_birth_dates", 1.0))),
    )
    table = "\n".join(("[cautions]  # a pair of which one holds is for a person", *format_cautions(cautions)))
    head = head[: head.index("[sha256]")]
    if not _CAUTIONS.search(head):
        raise TrainingError(f"{model.ref}: its model.toml has no table of cautions before its blocking rules")
    # A function, because the SQL may hold what a replacement text reads as a group.
    head = _CAUTIONS.sub(lambda _match: f"{table}\n\n", head)
    for key, value in (("version", version), ("standardizer", STANDARDIZER_VERSION)):
        head = re.sub(rf'^{key} = ".*"$', f"{key} = {json.dumps(value)}", head, count=1, flags=re.MULTILINE)
    return head


def _revise_card(card: str, model: MatchModel, version: str, standardizer: str) -> str:
    """Return the card under its new version, without the old results."""
    title, _, rest = card.partition(HEADING)[0].partition("\n")
    note = _CARD_NOTE.format(before=model.ref, standardizer=standardizer)
    return f"{title.replace(model.ref, f'{model.name}/{version}')}\n\n{note}{rest.rstrip()}\n"
