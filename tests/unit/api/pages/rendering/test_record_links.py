import os
from types import SimpleNamespace

import pytest

from mpi.api.pages.rendering.record_links import FILE_NAME, build_record_link
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef


@pytest.fixture
def write_links(tmp_path):
    def write(text):
        (tmp_path / FILE_NAME).write_text(text)
        os.utime(tmp_path / FILE_NAME, ns=(write.made, write.made))
        write.made += 1
        return SimpleNamespace(home=tmp_path)

    write.made = 1
    return write


def test_a_record_links_to_its_own_system_with_its_id_encoded(write_links):
    index = write_links('[records]\nsis = "https://sis.example/students/{local_id}/view"\n')
    assert (
        build_record_link(index, RecordRef("sis", "A/1?x")) == "https://sis.example/students/A%2F1%3Fx/view"
    )
    assert build_record_link(index, RecordRef("ccwis", "1")) is None


def test_without_the_file_there_are_no_links(tmp_path):
    assert build_record_link(SimpleNamespace(home=tmp_path), RecordRef("sis", "1")) is None


def test_a_changed_file_is_read_again(write_links):
    write_links('[records]\nsis = "https://old.example/{local_id}"\n')
    index = write_links('[records]\nsis = "https://new.example/{local_id}"\n')
    assert build_record_link(index, RecordRef("sis", "1")) == "https://new.example/1"


@pytest.mark.parametrize(
    "pattern", ["http://sis.example/{local_id}", "javascript:alert('{local_id}')", "https://sis.example/", 7]
)
def test_only_an_https_address_with_a_placeholder_is_accepted(write_links, pattern):
    value = pattern if isinstance(pattern, int) else f'"{pattern}"'
    with pytest.raises(InputError, match="sis"):
        build_record_link(write_links(f"[records]\nsis = {value}\n"), RecordRef("sis", "1"))
