"""Interactive documentation of the API: served by the index itself, to everybody."""

import re

from mpi.domain.viewer import Action
from tests.unit.api.live import add_key

ANONYMOUS = {"Authorization": ""}


def list_files(call) -> list[str]:
    page = call.get("/docs", headers=ANONYMOUS)
    assert page.status_code == 200
    return re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text)


def test_the_page_needs_no_key_and_loads_nothing_from_another_host(call):
    page = call.get("/docs", headers=ANONYMOUS)
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; style-src 'self'; script-src"
    )
    assert "unsafe" not in page.headers["content-security-policy"]
    assert re.findall(r'(?:src|href)="((?:https?:)?//[^"]*)"', page.text) == []
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page.text)
    assert len(list_files(call)) == 4


def test_each_file_is_kept_by_browsers_under_its_content_hash(call):
    for path in list_files(call):
        answer = call.get(path, headers=ANONYMOUS)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert call.get(path.partition("?")[0]).headers["cache-control"] == "no-store"


def test_style_sheets_have_no_images_that_the_policy_refuses(call):
    styles = [call.get(path).text for path in list_files(call) if ".css" in path]
    assert len(styles) == 2
    assert all("data:" not in style and "@import" not in style for style in styles)
    assert ".opblock-summary" in styles[0]


def test_only_the_files_of_the_page_are_served(call):
    for name in (
        "favicon-32x32.png",
        "main.py",
        "..%2Fmain.py",
        "swagger-ui.css.map",
        "words.toml",
        "base.html",
    ):
        assert call.get(f"/docs/{name}").status_code == 404, name


def test_a_client_of_no_right_reads_the_page_too(call, index):
    key = add_key(index, "docs-reader", frozenset({Action.LOAD}))
    assert call.get("/docs", headers={"Authorization": f"Bearer {key}"}).status_code == 200
