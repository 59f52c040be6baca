"""Small valid model, written by hand, for tests that need any model.

Weights in bits, prior of -13.3 included, surname of tail frequency: names and birth date equal 16.1 (LINK);
birth date equal and both names similar 6.0 (REVIEW), given name different 3.6; names equal and only the year
of birth the same 2.6. An equal SSN adds 19.9, an equal postal code 5.1; different ones subtract 4.3 and 1.7.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from mpi.standardize.version import STANDARDIZER_VERSION

NO_REFINEMENTS: Mapping[str, Sequence[str]] = MappingProxyType({})
_TEXT = """\
name = "{name}"
version = "{version}"
standardizer = "{standardizer}"
index_size = 10000

[thresholds]
link = {link}
review = 5.0
margin = 3.0
cohesion = 0.0

[blocking]
names = ["given", "surname"]
birth = {birth}
ssn = ["ssn"]
{refinements}
[tail_frequency]
surname = 0.002

[sha256]
"""


def tiny_model(
    folder: Path,
    *,
    name: str = "tiny",
    version: str = "1",
    link: float = 12.0,
    standardizer: str = STANDARDIZER_VERSION,
    birth: Sequence[str] = ("birth_date", "surname:1"),
    refinements: Mapping[str, Sequence[str]] = NO_REFINEMENTS,
) -> Path:
    """Write the model and return its folder, which ``MPI_MODEL`` may name.

    Args:
        folder: made if absent.
        name: name of the model.
        version: version of the model.
        link: its link threshold; another one makes another configuration.
        standardizer: the standardizer version that it states it was fitted on.
        birth: the parts of one of its blocking rules; others make other blocking keys.
        refinements: by blocking rule, what must agree too where too many records hold a key of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "settings.json": json.dumps(_settings(), indent=1),
        "frequencies.csv": "column,value,frequency\nsurname,SMITH,0.008\nsurname,GARCIA,0.005\n",
        "card.md": "# A model for tests\n\nWritten by hand; fitted on nothing.\n",
        "metrics.json": "{}\n",
    }
    finer = "".join(f"{rule} = {json.dumps(list(parts))}\n" for rule, parts in refinements.items())
    head = _TEXT.format(
        name=name,
        version=version,
        standardizer=standardizer,
        link=link,
        birth=json.dumps(list(birth)),
        refinements=f"\n[refinements]\n{finer}" if finer else "",
    )
    for file, text in contents.items():
        (folder / file).write_text(text, encoding="utf-8")
        head += f'"{file}" = "{hashlib.sha256(text.encode()).hexdigest()}"\n'
    (folder / "model.toml").write_text(head, encoding="utf-8")
    return folder


def _settings() -> dict[str, object]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": 1e-4,
        "comparisons": [
            _comparison(
                "given", ("equal", _equal("given"), 0.9, 0.005), ("alike", _similar("given"), 0.07, 0.01)
            ),
            _comparison(
                "surname",
                ("equal", _equal("surname"), 0.85, 0.002),
                ("alike", _similar("surname"), 0.1, 0.01),
                frequencies=True,
            ),
            _comparison(
                "birth_date",
                ("equal", _equal("birth_date"), 0.93, 1e-4),
                ("same year", '"birth_year_l" = "birth_year_r"', 0.04, 0.05),
            ),
            _comparison("ssn", ("equal", _equal("ssn"), 0.95, 1e-6)),
            _comparison("postal_code", ("equal", _equal("postal_code"), 0.7, 0.02)),
        ],
    }


def _comparison(
    column: str, *levels: tuple[str, str, float, float], frequencies: bool = False
) -> dict[str, object]:
    null: dict[str, object] = {
        "sql_condition": f'"{column}_l" IS NULL OR "{column}_r" IS NULL',
        "label_for_charts": "missing",
        "is_null_level": True,
    }
    compared_levels = [_level(*level) for level in levels]
    if frequencies:
        compared_levels[0] |= {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0}
    else_level = _level(
        "different", "ELSE", 1 - sum(m for *_, m, _ in levels), 1 - sum(u for *_, u in levels)
    )
    return {"output_column_name": column, "comparison_levels": [null, *compared_levels, else_level]}


def _level(label: str, condition: str, m: float, u: float) -> dict[str, object]:
    return {"sql_condition": condition, "label_for_charts": label, "m_probability": m, "u_probability": u}


def _equal(column: str) -> str:
    return f'"{column}_l" = "{column}_r"'


def _similar(column: str) -> str:
    return f'jaro_winkler_similarity("{column}_l", "{column}_r") >= 0.88'
