"""Tests of name pools from Faker and the census."""

import re
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpi.domain.errors import FileError
from training.simulate.columns import text_column
from training.simulate.people.census_names import read_census_names
from training.simulate.people.names import (
    AFRICAN,
    BLACK,
    GROUPS,
    HISPANIC,
    WHITE,
    NameBook,
    blend_weights,
    build_faker_names,
    zipf_weights,
)

SIZE = 5_000


@pytest.fixture(scope="module")
def book() -> NameBook:
    return build_faker_names(0.18, 0.38)


def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def groups(group: int) -> np.ndarray:
    return np.full(SIZE, group)


def test_surnames_have_a_common_head_and_a_long_tail(book: NameBook) -> None:
    drawn = book.draw_surnames(rng(), groups(WHITE)).tolist()
    assert 0.003 < drawn.count("Smith") / SIZE < 0.03
    assert len(set(drawn)) > 1_000


def test_groups_have_different_names(book: NameBook) -> None:
    hispanic = set(book.draw_surnames(rng(), groups(HISPANIC)).tolist())
    assert "García" in hispanic
    assert "García" not in set(book.draw_surnames(rng(), groups(WHITE)).tolist())


@pytest.mark.parametrize("group", range(GROUPS))
def test_names_use_latin_letters(book: NameBook, group: int) -> None:
    for pool in (book.surnames[group], *book.given[group]):
        assert len(pool.names) > 20
        assert pool.edges[-1] == pytest.approx(1.0)
        for name in pool.names:
            assert re.fullmatch(r"[^\W\d_]+( [^\W\d_]+)*", name)


def test_given_names_depend_on_sex(book: NameBook) -> None:
    boys = book.draw_given(rng(), groups(WHITE), np.ones(SIZE, dtype=np.int64)).tolist()
    girls = book.draw_given(rng(), groups(WHITE), np.zeros(SIZE, dtype=np.int64)).tolist()
    assert boys.count("Michael") > 10 > girls.count("Michael")
    assert girls.count("Jennifer") > 10 > boys.count("Jennifer")


def test_look_alike_is_another_name_with_the_same_initial(book: NameBook) -> None:
    names = text_column(["Jayden", "Marisol", "Christina"] * 50)
    look_alikes = book.draw_look_alikes(rng(), names, np.array([1, 0, 0] * 50))
    assert not (look_alikes == names).any()
    assert all(look_alike[0] == name[0] for look_alike, name in zip(look_alikes, names, strict=True))


def test_zipf_weights_do_not_depend_on_input_order() -> None:
    assert zipf_weights(["Ada", "Bo", "Cy"]) == zipf_weights(["Cy", "Ada", "Bo"])
    assert next(iter(zipf_weights(["Ada", "Bo", "Cy"], common=("Bo",)))) == "Bo"


def test_blend_gives_each_part_its_share() -> None:
    assert blend_weights([(0.75, {"a": 1.0, "b": 1.0}), (0.25, {"b": 5.0})]) == {"a": 0.375, "b": 0.625}


def write_census_tables(folder: Path) -> None:
    shares = {
        "pctwhite": [90.0, 1.0, None], "pctblack": [5.0, 1.0, 100.0], "pctapi": [2.0, 1.0, 1.0],
        "pcthispanic": [1.0, 99.0, 0.0], "pct2prace": [2.0, 1.0, 1.0],
    }  # fmt: skip
    table = {"name": ["ALDER", "BRISA", "CYPRUS"], "count": [300, 200, 100], **shares}
    pq.write_table(pa.table(table), folder / "census_2020.parquet")
    table |= {"pctmale": [100.0, 0.0, 50.0], "pctfemale": [0.0, 100.0, 50.0]}
    pq.write_table(pa.table(table), folder / "census_2020_first_names.parquet")


def test_census_names_depend_on_group_and_sex(book: NameBook, tmp_path: Path) -> None:
    write_census_tables(tmp_path)
    census_book = read_census_names(tmp_path, book)
    assert set(census_book.surnames[WHITE].names) == {"Alder", "Brisa"}
    assert set(census_book.surnames[HISPANIC].names) == {"Alder", "Brisa"}
    boys = census_book.draw_given(rng(), groups(BLACK), np.ones(SIZE, dtype=np.int64)).tolist()
    # 300 x 5 % x all boys against 100 x 100 % x half boys
    assert boys.count("Cyprus") / SIZE == pytest.approx(50 / 65, abs=0.03)
    assert census_book.surnames[AFRICAN] is book.surnames[AFRICAN]


def test_folder_without_census_tables_is_refused(book: NameBook, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"census_2020\.parquet is not a readable census table"):
        read_census_names(tmp_path, book)
    pq.write_table(pa.table({"name": ["ALDER"]}), tmp_path / "census_2020.parquet")
    with pytest.raises(FileError, match="--names"):
        read_census_names(tmp_path, book)


def test_census_tables_without_names_for_a_group_are_refused(book: NameBook, tmp_path: Path) -> None:
    write_census_tables(tmp_path)
    table = pq.read_table(tmp_path / "census_2020.parquet")
    pq.write_table(table.slice(2), tmp_path / "census_2020.parquet")
    with pytest.raises(FileError, match="no name for one of the groups"):
        read_census_names(tmp_path, book)


def test_every_rate_names_its_source() -> None:
    lines = (
        resources.files("training.simulate").joinpath("rates.toml").read_text(encoding="utf-8").splitlines()
    )
    rates = [line for line in lines if re.match(r"\w+ = ", line)]
    assert len(rates) > 150
    sourced = re.compile(r"#.*\[(assumed|read: \w|design|domain|asked|fixed)")
    assert not [line for line in rates if not sourced.search(line)]
