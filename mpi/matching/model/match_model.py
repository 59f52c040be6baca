"""Frozen match models, loaded from a folder and checked.

A folder is ``models/<name>/<version>``:

==================  =============================================================================
``model.toml``      name, version, standardizer, index size, thresholds, cautions, blocking, refinements, …
``settings.json``   the complete Splink settings: comparisons, levels, m, u, prior
``frequencies.csv`` shares of common values
``card.md``         the data it was fitted on, what it is for, where it fails
``metrics.json``    the figures of its card
==================  =============================================================================
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mpi.domain.errors import ModelError
from mpi.domain.training_tools import find_training_tools
from mpi.domain.weight import Thresholds
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.cautions import NO_CAUTIONS, Cautions
from mpi.matching.model.data_profile import DataProfile, read_profile
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.link_budget import LinkBudget, read_budget
from mpi.standardize.version import MODEL_VERSIONS, STANDARDIZER_VERSION, split_version

MODEL_FILES = ("settings.json", "frequencies.csv", "card.md", "metrics.json")
"""Files that ``model.toml`` lists with their SHA-256."""

DEFAULT_MODEL = "children/7"
"""Name and version of the model that is used by default."""

_PACKAGED_MODELS = Path(__file__).resolve().parents[2] / "_models"
_CHECKOUT_MODELS = Path(__file__).resolve().parents[3] / "models"


@dataclass(frozen=True, slots=True)
class MatchModel:
    """Trained linkage model with everything that scoring and blocking depend on.

    Args:
        name: such as ``children``.
        version: its folder; a published version never changes.
        digest: SHA-256 over the names and contents of ``model.toml`` and the files that it lists. With the
            standardizer and the lists of shared values it makes the digest of the configuration.
        thresholds: where the bands begin, in bits, for the enterprise IDs: false links are costly.
        statistical: thresholds for research, where a false link costs what a missed one does.
        standardizer: version of the standardizer that makes the features: the present one, for a model that
            it serves, or else the one that the model was fitted on.
        index_size: number of records for which its prior holds.
        blocking: rules by which pairs are compared.
        settings: Splink settings, complete.
        frequencies: shares of values, frozen.
        cautions: conditions that keep a pair from being linked by the model alone.
        fitted_on: profile of the data that it was fitted on.
        link_budget: budget of false links that its link threshold was chosen by; None if it states none.
    """

    name: str
    version: str
    digest: str
    thresholds: Thresholds
    statistical: Thresholds
    standardizer: str
    index_size: int
    blocking: BlockingSpec
    settings: Mapping[str, Any] = field(repr=False)
    frequencies: Frequencies = field(repr=False)
    cautions: Cautions = field(default=NO_CAUTIONS, repr=False)
    fitted_on: DataProfile = field(default=DataProfile(), repr=False)
    link_budget: LinkBudget | None = field(default=None, repr=False)

    @property
    def ref(self) -> str:
        """Reference of the model, ``name/version``."""
        return f"{self.name}/{self.version}"

    def __hash__(self) -> int:
        """Return a hash of the digest; equal models have equal digests."""
        return hash(self.digest)


def find_model_folder(ref: str | None = None) -> Path:
    """Return the folder of a model.

    Args:
        ref: ``name/version``, or the path of a folder; None for the default model.

    Raises:
        ModelError: there is no such folder.
    """
    name = ref or DEFAULT_MODEL
    for folder in (_PACKAGED_MODELS / name, _CHECKOUT_MODELS / name, Path(name)):
        if (folder / "model.toml").is_file():
            return folder
    raise ModelError(f"no model {name!r}: give name/version or a folder that holds a model.toml")


def load_model(folder: Path, *, of_any_standardizer: bool = False) -> MatchModel:
    """Load a model folder and check it.

    That every condition can be scored is checked by ``mpi.matching.compiler.online_scorer.compile_scorer``.

    Args:
        folder: folder of the model.
        of_any_standardizer: whether a model of an earlier standardizer is accepted too, which an index is
            to be moved from.

    Raises:
        ModelError: a file is missing, changed since it was published or not what it should be, or the
            model was fitted on another version of the standardizer.
    """
    contents = {name: _read_file(folder, name) for name in ("model.toml", *MODEL_FILES)}
    head = _parse_toml(contents["model.toml"])
    _check_checksums(folder, contents, _get_table(head, "sha256"))
    try:
        frequencies = Frequencies.parse(
            contents["frequencies.csv"].decode(), _get_table(head, "tail_frequency")
        )
        model = MatchModel(
            name=str(head["name"]),
            version=str(head["version"]),
            digest=_compute_digest(contents),
            thresholds=Thresholds(**_get_table(head, "thresholds")),
            statistical=Thresholds(
                **_get_table(head, "statistical" if "statistical" in head else "thresholds")
            ),
            standardizer=str(head["standardizer"]),
            index_size=int(head["index_size"]),
            blocking=BlockingSpec.parse(
                _get_table(head, "blocking"),
                _get_table(head, "refinements") if "refinements" in head else None,
            ),
            settings=_parse_settings(contents["settings.json"]),
            frequencies=frequencies,
            cautions=Cautions.parse(_get_table(head, "cautions")) if "cautions" in head else NO_CAUTIONS,
            fitted_on=read_profile(json.loads(contents["metrics.json"]), frequencies),
            link_budget=read_budget(json.loads(contents["metrics.json"])),
        )
    except KeyError as error:
        raise ModelError(f"{folder}/model.toml: {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder}/model.toml: {error}") from None
    if not model.thresholds.has_positive_floor:
        raise ModelError(f"{folder}/model.toml: thresholds: link minus margin must be above 0 bits")
    if not model.cautions.fits_review_band(model.thresholds):
        raise ModelError(f"{folder}/model.toml: cautions: their bits must lie in the review band")
    if model.standardizer in MODEL_VERSIONS:
        model = replace(model, standardizer=STANDARDIZER_VERSION)
    if not of_any_standardizer:
        require_standardizer(model)
    return model


def require_standardizer(model: MatchModel) -> None:
    """Raise unless the model was fitted on this program's standardizer version.

    Raises:
        ModelError: it was fitted on another version of the standardizer.
    """
    if split_version(model.standardizer)[0] != STANDARDIZER_VERSION:
        raise ModelError(
            f"model {model.ref} was fitted on standardizer {model.standardizer}, this is "
            f"{STANDARDIZER_VERSION}: fit it anew with `python -m {find_training_tools()} fit`; "
            "`mpi recluster --model FOLDER --apply` moves an index to that one"
        )


def _read_file(folder: Path, name: str) -> bytes:
    """Read a file of a model folder."""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"{folder / name}: cannot be read: {error.strerror}") from None


def _parse_toml(content: bytes) -> dict[str, Any]:
    """Parse the description of a model, ``model.toml``."""
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"model.toml: not TOML: {error}") from None


def _get_table(head: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a table of ``model.toml``."""
    table = head.get(name)
    if not isinstance(table, dict):
        raise ModelError(f"model.toml: the table [{name}] is missing")
    return table


def _parse_settings(content: bytes) -> dict[str, Any]:
    """Parse the Splink settings of a model, ``settings.json``."""
    try:
        settings = json.loads(content)
    except ValueError:
        raise ModelError("settings.json: not JSON") from None
    if not isinstance(settings, dict) or not isinstance(settings.get("comparisons"), list):
        raise ModelError("settings.json: not Splink settings: it has no list of comparisons")
    return settings


def _check_checksums(folder: Path, contents: Mapping[str, bytes], checksums: Mapping[str, Any]) -> None:
    """Raise where a file of a model folder differs from its checksum."""
    for name in MODEL_FILES:
        if hashlib.sha256(contents[name]).hexdigest() != checksums.get(name):
            raise ModelError(
                f"{folder / name}: does not fit its checksum in model.toml: the model was changed "
                "or copied in part; fetch it again, or publish it under a new version"
            )


def _compute_digest(contents: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over names and contents of a model's files."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name}\0{len(contents[name])}\0".encode())
        digest.update(contents[name])
    return digest.hexdigest()
