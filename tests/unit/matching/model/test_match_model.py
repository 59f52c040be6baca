import shutil

import pytest

from mpi.domain.errors import ModelError
from mpi.matching.model.match_model import MODEL_FILES, find_model_folder, load_model
from tests.models import tiny_model
from training.fit.model_writer import format_checksums_toml


def with_new_checksums(folder):
    """Update the checksums to the folder's content."""
    head = (folder / "model.toml").read_text().split("[sha256]")[0]
    (folder / "model.toml").write_text(head + format_checksums_toml(folder))
    return folder


def test_the_default_model_loads_with_thresholds_above_zero():
    model = load_model(find_model_folder())
    assert model.ref == "children/7"
    assert model.thresholds.influence_floor > 0
    assert 0 < model.statistical.link < model.thresholds.link
    assert model.statistical.margin == 0
    assert len(model.digest) == 64


@pytest.mark.parametrize("version", ["4", "5", "6"])
def test_every_shipped_version_loads_for_the_move_to_the_next(version):
    assert load_model(find_model_folder(f"children/{version}"), of_any_standardizer=True).version == version


def test_a_model_is_found_by_name_or_by_folder(tmp_path):
    assert find_model_folder("children/7") == find_model_folder(None)
    assert find_model_folder(str(tiny_model(tmp_path / "m"))) == tmp_path / "m"
    with pytest.raises(ModelError, match="nobody/7"):
        find_model_folder("nobody/7")


@pytest.mark.parametrize("name", ["model.toml", *MODEL_FILES])
def test_a_missing_file_is_named(tmp_path, name):
    folder = tiny_model(tmp_path / "m")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(folder)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_changed_file_is_refused(tmp_path, name):
    folder = tiny_model(tmp_path / "m")
    with (folder / name).open("a") as file:
        file.write(" ")
    with pytest.raises(ModelError, match="checksum"):
        load_model(folder)


def test_the_digest_covers_every_byte(tmp_path):
    folder = tiny_model(tmp_path / "m")
    original_digest = load_model(folder).digest
    copied_folder = shutil.copytree(folder, tmp_path / "n")
    assert load_model(copied_folder).digest == original_digest
    (copied_folder / "card.md").write_text("another card")
    assert load_model(with_new_checksums(copied_folder)).digest != original_digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('standardizer = "', 'standardizer = "0-', "standardizer"),
        ("link = 12.0", "link = 1.0", "threshold"),
        ("margin = 3.0", "margin = 12.0", "above 0"),
        ("margin = 3.0", "", "margin"),
        ("index_size = 10000", "", "index_size"),
        ('["ssn"]', '["no_such"]', "no_such"),
        ("[blocking]", "[blokking]", "blocking"),
        ("surname = 0.002", "surname = 2", "tail"),
        ("surname = 0.002", "surname = 0.002\ngiven_roots = 0.01", "given_roots"),
        ("surname = 0.002", "surname = 0.002\nbirth_year = 0.01", "birth_year"),
        ("name =", "name", "TOML"),
    ],
)
def test_an_invalid_model_head_is_refused_with_the_reason(tmp_path, old, new, message):
    folder = tiny_model(tmp_path / "m")
    text = (folder / "model.toml").read_text()
    assert old in text
    (folder / "model.toml").write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("settings.json", "{", "not JSON"),
        ("settings.json", "[]", "comparisons"),
        ("frequencies.csv", "a,b\n", "header"),
        ("frequencies.csv", "column,value,frequency\nsurname,SMITH\n", "line 2"),
        ("frequencies.csv", "column,value,frequency\nsurname,SMITH,1.5\n", "line 2"),
        ("frequencies.csv", "column,value,frequency\ngiven,ANA,0.5\n", "given"),
    ],
)
def test_an_invalid_model_file_is_refused_with_the_reason(tmp_path, file, content, message):
    folder = tiny_model(tmp_path / "m")
    (folder / file).write_text(content)
    with pytest.raises(ModelError, match=message):
        load_model(with_new_checksums(folder))


def test_no_published_value_is_rare():
    model = load_model(find_model_folder())
    for table in model.frequencies.tables.values():
        assert round(min(table.values()) * model.index_size) >= 9  # of all records; missing ones bear none
