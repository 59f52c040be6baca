"""Pages that the documentation site is made of."""

import pytest

from tests.docs.test_release import ROOT, load_script

docs = load_script("docs")


def test_the_first_page_introduces_the_program_and_says_what_to_read():
    page = docs.write_index()
    assert page.startswith("# Master Person Index\n")
    assert "Two records, two agencies" in page
    assert "docs/how-to/first-load.md" in page
    assert all(f"## {title}\n" in page for title in docs.FIRST_PAGE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b and [c]", r"a\_b and \[c\]"),
        ("`a_b` is code", "`a_b` is code"),
        ("`a|b` or a|b", r"`a\|b` or a\|b"),
        ("two\n lines", "two lines"),
        (None, ""),
    ],
)
def test_a_description_becomes_one_line_of_a_table(text, shown):
    assert docs.make_cell(text) == shown


def test_what_scrolls_and_what_leads_is_reached_by_keyboard_and_screen_reader():
    page = '<aside class="toc-drawer no-toc"><p class="caption" role="heading">x</p><pre>y</pre></aside>'
    mended = docs.make_accessible(page)
    for mark in ('aria-label="On this page"', 'aria-level="2"', '<pre tabindex="0">'):
        assert mark in mended
    assert docs.make_accessible(mended) == mended


def test_a_link_to_code_becomes_text_and_a_link_to_a_page_stays():
    text = "[code](mpi/bootstrap.py), [page](docs/api.md), ![picture](docs/images/link-dark.png)"
    shown = docs.drop_code_links(text, ROOT / "README.md")
    assert shown == "code, [page](docs/api.md), ![picture](docs/images/link-dark.png)"
