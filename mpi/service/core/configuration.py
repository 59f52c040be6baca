"""Configurations of the index and the switch from one to another."""

from typing import Any

import orjson

from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS
from mpi.service.core.index import Index, Matcher
from mpi.standardize.shared_values import NO_SHARED_VALUES, SharedValues
from mpi.storage.repositories.derived.configs import format_token_keys
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def read_shared_values(
    unit: ReadUnit, index: Index, matcher: Matcher, *, refresh: bool
) -> tuple[SharedValues, SharedValues | None]:
    """Return the shared-value lists in force and those to compare with.

    Shared values are those that many people share, such as a shelter's address; comparing ignores them. A
    process that missed a move to another model must not move the index back.

    Args:
        unit: the transaction.
        index: the open index.
        matcher: the model to compare with.
        refresh: whether new lists are to be made.

    Returns:
        The lists in force, and the lists for the matcher; None in place of the second where they must be
        made.

    Raises:
        ModelMovedError: another process has moved the index to another model.
    """
    active = unit.configs.active_config()
    in_force = NO_SHARED_VALUES if active is None else index.shared_values_of(unit, active.id)
    if matcher is index.matcher:
        index.config_id(unit)
    keep = not refresh and active is not None and matcher.runs(active)
    return in_force, in_force if keep else None


def find_or_add_config(
    unit: WriteUnit,
    matcher: Matcher,
    shared: SharedValues = NO_SHARED_VALUES,
    token_keys: tuple[int, ...] = FIRST_TOKEN_KEYS,
) -> int:
    """Return the number of a match configuration, added if new.

    The configuration is not put in force.
    """
    active = unit.configs.active_config()
    digest = matcher.digest(shared, token_keys)
    if active is not None and active.digest == digest:
        return active.id
    config_id = unit.configs.find_by_digest(digest)
    if config_id is None:
        config_id = unit.counters.take("config")
        unit.configs.add(_config_row(config_id, matcher, shared, token_keys, unit.commit_no))
    return config_id


def activate_config(unit: WriteUnit, config_id: int) -> None:
    """Put a match configuration in force, unless it is already."""
    active = unit.configs.active_config()
    if active is None or active.id != config_id:
        unit.configs.activate(unit.counters.take("epoch"), config_id, unit.commit_no)


def _config_row(
    config_id: int, matcher: Matcher, shared: SharedValues, token_keys: tuple[int, ...], commit_no: int
) -> dict[str, Any]:
    thresholds = matcher.model.thresholds
    return {
        "id": config_id,
        "digest": matcher.digest(shared, token_keys),
        "model_name": matcher.model.name,
        "model_version": matcher.model.version,
        "model_digest": matcher.model.digest,
        "standardizer": matcher.model.standardizer,
        "thresholds": orjson.dumps(
            {
                "link": thresholds.link,
                "review": thresholds.review,
                "margin": thresholds.margin,
                "cohesion": thresholds.cohesion,
            }
        ).decode(),
        "lists": shared.to_text(),
        "token_keys": format_token_keys(token_keys),
        "created_commit": commit_no,
    }
