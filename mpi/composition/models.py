"""Matching models of an index: finding, keeping and compiling them."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from mpi.config import Settings
from mpi.domain.errors import ConflictError
from mpi.domain.keyed_hash import KeyedHash
from mpi.key_material import read_exchanges, read_keyed_hash
from mpi.matching.model.match_model import MODEL_FILES, MatchModel, find_model_folder, load_model
from mpi.matching.model.token_comparison import compare_tokens
from mpi.service.core.index import Matcher, compile_matcher
from mpi.standardize.version import MODEL_VERSIONS, name_version, split_version


def load_matcher(
    settings: Settings,
    ref: str | None,
    *,
    any_standardizer: bool = False,
    keyed_hash: KeyedHash | None = None,
) -> Matcher:
    """Load and compile a matching model.

    Args:
        settings: home folder and, in ``MPI_MODEL``, a model.
        ref: the model that an index runs on; None for a new index. The copy in the home folder, made when
            the index was moved to the model, comes first, then ``MPI_MODEL``, then the model of that name,
            then the default.
        any_standardizer: accept a model of an earlier standardizer too.
        keyed_hash: the keyed hash of an open index, with its token exchanges; None to read the settings'.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    model = load_index_model(settings, ref, any_standardizer=any_standardizer, keyed_hash=keyed_hash)
    return compile_matcher(model)


def load_index_model(
    settings: Settings, ref: str | None, *, any_standardizer: bool, keyed_hash: KeyedHash | None = None
) -> MatchModel:
    """Load the matching model of an index, as ``load_matcher`` finds it."""
    model = load_model(find_index_model(settings, ref), of_any_standardizer=any_standardizer)
    return _with_exchanges(model, settings, keyed_hash)


def load_earlier_model(settings: Settings, name: str, standardizer: str) -> MatchModel:
    """Load the model of an index as its stored configuration runs it."""
    model = load_model(find_index_model(settings, name), of_any_standardizer=True)
    _, exchange_tag = split_version(standardizer)
    return replace(compare_tokens(model) if exchange_tag else model, standardizer=standardizer)


def _with_exchanges(model: MatchModel, settings: Settings, keyed_hash: KeyedHash | None = None) -> MatchModel:
    """Return a model that compares the linkage tokens of any exchanges."""
    if keyed_hash is None and read_exchanges(settings):
        keyed_hash = read_keyed_hash(settings)
    if keyed_hash is None or not keyed_hash.exchanges:
        return model
    standardizer = name_version(model.standardizer, keyed_hash.exchange_tag)
    return replace(compare_tokens(model), standardizer=standardizer)


def find_index_model(settings: Settings, ref: str | None) -> Path:
    """Return the folder of an index's model, preferably its own copy."""
    stored_folder = settings.home / "models" / ref if ref else None
    if stored_folder is not None and stored_folder.is_dir():
        return stored_folder
    return find_model_folder(settings.model or ref)


def keep_model(settings: Settings, ref: str | None) -> None:
    """Copy a matching model into the home folder, for later starts.

    Args:
        settings: home folder.
        ref: the model, ``name/version`` or a folder; None for the default model.

    Raises:
        ModelError: the model cannot be found.
        ConflictError: the home folder has another model of that name and version.
    """
    folder = find_model_folder(ref)
    model = load_model(folder)
    stored_folder = settings.home / "models" / model.name / model.version
    if stored_folder.is_dir():
        if load_model(stored_folder, of_any_standardizer=True).digest != model.digest:
            raise ConflictError(
                f"{stored_folder} is another model of that name and version: publish this one "
                "as a new version"
            )
        return
    stored_folder.parent.mkdir(parents=True, exist_ok=True)
    # The rename is atomic: no partial copy has the model's name.
    with tempfile.TemporaryDirectory(prefix="copying-", dir=stored_folder.parent) as partial_folder:
        copied_folder = Path(partial_folder) / model.version
        copied_folder.mkdir()
        for name in ("model.toml", *MODEL_FILES):
            shutil.copyfile(folder / name, copied_folder / name)
        copied_folder.rename(stored_folder)


def open_matcher(ref: str, settings: Settings | None = None) -> Matcher:
    """Load and compile the matching model that a command names.

    Args:
        ref: ``name/version`` or a folder.
        settings: settings whose token exchanges it compares; None for no exchange.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    model = load_model(find_model_folder(ref))
    return compile_matcher(model if settings is None else _with_exchanges(model, settings))


def find_standardizer_change(stored: str, present: str) -> str | None:
    """Return why records must be standardized again, or None."""
    (version, exchange_tag), (present_version, present_tag) = split_version(stored), split_version(present)
    if version in MODEL_VERSIONS and version != present_version:
        return f"the records of this index were standardized by version {version}, this is {present_version}"
    if exchange_tag != present_tag:
        return "the records of this index have the linkage tokens of other exchanges or secrets"
    return None
