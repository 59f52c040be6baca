"""Printing of a dry run's results."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mpi.cli.model_fit_view import show_budget, show_differences
from mpi.cli.output import print_facts, print_json, print_note, print_table
from mpi.cli.receipt_view import receipt_to_dict, show_counts
from mpi.intake.column_use import describe_cost, describe_set_aside

if TYPE_CHECKING:
    from mpi.intake.file_profile import FileProfile
    from mpi.matching.model.match_model import MatchModel
    from mpi.service.loads.dry_run import DryRun


def show_dry_run(profile: FileProfile, trial: DryRun, model: MatchModel, *, as_json: bool) -> None:
    """Print a file's profile, the effect of loading it, and sample pairs."""
    if as_json:
        print_json(
            {
                "dry_run": True,
                "profile": asdict(profile),
                "receipt": receipt_to_dict(trial.receipt, profile.passed_over, None),
                "sealed": trial.sealed,
                "bands": {band.value: count for band, count in trial.bands.items()},
                "sample": [asdict(sample_pair) for sample_pair in trial.sample],
                "model": trial.model,
                "link_bits": model.thresholds.link,
                "link_budget": model.link_budget and asdict(model.link_budget),
                "differences": [asdict(difference) for difference in trial.differences],
                "uncompared": trial.uncompared,
            }
        )
        return
    if not profile.rows:
        print_note("the file has no rows")
    _show_profile(profile)
    print_facts({"Would be": trial.receipt.status})
    show_counts(trial.receipt, profile.passed_over)
    if trial.sealed:
        print_facts({"of these sealed or expunged, which cannot be undone": trial.sealed})
    bands = [(band.value, count) for band, count in trial.bands.items()]
    print_table(("best match", "new and changed records"), bands)
    _show_sample(trial)
    show_budget(model)
    show_differences(trial.differences, trial.model, "this file")
    if trial.uncompared:
        print_note(
            f"{trial.uncompared:,} records would be compared with no other, since too many records share "
            "all of their blocking keys: each becomes a person of its own. Are they copies or test records?"
        )
    if trial.receipt.held_reason:
        print_note(f"the load would be held: {trial.receipt.held_reason}")
    print_note("dry run: nothing was stored")


def _show_profile(profile: FileProfile) -> None:
    """Print the profile of a file's fields and rows."""
    rows = [
        (
            field.name,
            field.filled,
            f"about {field.distinct:,}" if field.is_estimate else f"{field.distinct:,}",
            ", ".join(shape for shape, _ in field.shapes),
        )
        for field in profile.fields
    ]
    print_table(("field", "filled", "distinct", "commonest shapes"), rows)
    _show_set_aside(profile)
    facts: dict[str, object] = {"repeated local IDs": profile.repeated_local_ids}
    if profile.commonest_birth_date > 1:
        facts["rows with the commonest birth date"] = (
            f"{profile.commonest_birth_date:,}, the first on line {profile.commonest_birth_date_line}"
        )
    print_facts(facts)
    if profile.rejects:
        print_table(("rejected because", "rows"), profile.rejects)


def _show_set_aside(profile: FileProfile) -> None:
    """Print which values are read and not compared, with the cost."""
    columns = [column for column in profile.columns if column.set_aside]
    if not columns:
        return
    print_table(
        ("field", "read", "compared", "set aside because (shapes)"),
        [(column.name, column.read, column.used, describe_set_aside(column)) for column in columns],
        "Values set aside",
    )
    for column in columns:
        if cost := describe_cost(column):
            print_note(cost)


def _show_sample(trial: DryRun) -> None:
    """Print a previewed file's record pairs nearest to the link threshold."""
    if not trial.sample:
        return
    rows = [
        (
            sample_pair.local_id,
            str(sample_pair.line),
            sample_pair.band.value,
            sample_pair.match_weight,
            sample_pair.enterprise_id or f"{sample_pair.other_local_id} of this file",
        )
        for sample_pair in trial.sample
    ]
    print_table(("local ID", "line", "band", "bits", "best match"), rows, "Nearest to the link threshold")
