"""Documentation site of the checkout, built by Sphinx.

It holds the pages, and a reference of the API's routes and of Python.

Links between pages are written for a reader of the repository. So the pages are copied as they lie there, and
only links to code, which is not on the site, become plain text.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
SECTIONS = {
    "Tutorials": "docs/tutorials",
    "How-to guides": "docs/how-to",
    "Reference": "docs/reference",
    "Explanation": "docs/explanation",
    "Procurement": "docs/procurement",
    "Design": "docs/design",
    "Decisions": "docs/decisions",
}
"""Folders of pages by the heading of the side bar."""

_FURTHER_PAGES = {
    "Reference": (
        "docs/glossary",
        "docs/canonical-record",
        "docs/api",
        "routes",
        "python",
        "docs/benchmarks",
        "SECURITY",
    ),
    "Project": ("README", "ARCHITECTURE", "CONTRIBUTING", "CODE_OF_CONDUCT", "CHANGELOG"),
}
FIRST_PAGE = ("Read on", "The steward's desk")
"""Sections of the README that the first page shows after its introduction."""
ACCESSIBLE_MARKS = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',
    '<th class="head"><p></p></th>': "<td></td>",
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}
"""What the theme writes, and what a keyboard and a screen reader need in its place (WCAG 2.1)."""

_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\((?!https?:|mailto:|#)([^)#\s]*)(#[^)\s]*)?\)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/docs")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        stage_pages(Path(folder))
        # Marks are mended in the pages that are written, so all are written anew (-E).
        command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", folder, options.out]
        environment = {**os.environ, "MPI_CHECKOUT": str(ROOT)}
        code = subprocess.run(command, env=environment, check=False).returncode
    for page in options.out.rglob("*.html"):
        page.write_text(make_accessible(page.read_text(encoding="utf-8")), encoding="utf-8")
    return code


def make_accessible(page: str) -> str:
    """Return a page whose parts a keyboard and a screen reader reach."""
    for mark, accessible in ACCESSIBLE_MARKS.items():
        page = page.replace(mark, accessible)
    return page


def stage_pages(folder: Path) -> None:
    """Copy all pages to a folder, and write those that are generated."""
    for page in list_pages():
        target = folder / page.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(drop_code_links(page.read_text(encoding="utf-8"), page), encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "images", folder / "docs" / "images")
    shutil.copy(ROOT / "LICENSE", folder)
    for name in ("conf.py", "python.md"):
        shutil.copy(SITE / name, folder)
    shutil.copytree(SITE / "static", folder / "static")
    folder.joinpath("routes.md").write_text(write_routes(read_openapi()), encoding="utf-8")
    folder.joinpath("index.md").write_text(write_index(), encoding="utf-8")


def list_pages() -> list[Path]:
    """Return the repository's pages: those at its top and in ``docs``."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(page for page in pages if SITE not in page.parents)


def drop_code_links(text: str, page: Path) -> str:
    """Turn a page's links to code and folders into plain text."""

    def keep_or_drop(link: re.Match[str]) -> str:
        target = (page.parent / link[3]).resolve()
        is_here = target.suffix in {".md", ".png", ""} and (target.is_file())
        return link[0] if is_here else link[2]

    return _LINK.sub(keep_or_drop, text)


def write_index() -> str:
    """Return the first page, with the side bar's tree of pages.

    It is the README's introduction with what to read for which purpose.
    """
    readme = ROOT / "README.md"
    introduction, *sections = drop_code_links(readme.read_text(encoding="utf-8"), readme).split("\n## ")
    by_title = {section.partition("\n")[0]: section for section in sections}
    lines = [introduction, *(f"## {by_title[title]}" for title in FIRST_PAGE)]
    captions = [*SECTIONS, "Project"]
    for caption in captions:
        names = [*_list_names(SECTIONS.get(caption)), *_FURTHER_PAGES.get(caption, ())]
        if caption == "Project":
            names.append("docs/README")
        lines += ["```{toctree}", ":hidden:", ":maxdepth: 1", f":caption: {caption}", "", *names, "```", ""]
    return "\n".join(lines)


def _list_names(folder: str | None) -> Iterable[str]:
    """Return the names of the pages of a folder, without their ending."""
    if folder is None:
        return []
    pages = sorted(ROOT.joinpath(folder).glob("*.md"))
    return [str(page.relative_to(ROOT).with_suffix("")) for page in pages]


def read_openapi() -> Mapping[str, Any]:
    """Return the OpenAPI document of all routes."""
    sys.path.insert(0, str(ROOT))
    from mpi.api.app import create_app  # noqa: PLC0415 - only a build of the site needs the program

    document: Mapping[str, Any] = create_app(None).openapi()  # type: ignore[arg-type]
    return document


def write_routes(document: Mapping[str, Any]) -> str:
    """Return the page of all routes, by tag, from their OpenAPI document."""
    operations: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            operations.setdefault(tag, []).append((method.upper(), path, operation))
    parts = ["# Routes", "", "Every route, as in `/openapi.json`. [The API](docs/api.md) explains them.", ""]
    for tag, listed in operations.items():
        parts += [f"## {tag}", ""]
        for method, path, operation in listed:
            parts += _write_operation(method, path, operation)
    return "\n".join(parts)


def _write_operation(method: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    """Return the lines about an operation, its parameters and its answers."""
    name, summary = operation.get("operationId", ""), make_cell(operation.get("summary"))
    lines = [f"### {name}", "", f"`{method} {path}`", "", summary, ""]
    rows = [
        f"| `{each['name']}` | {each['in']} | {make_cell(each.get('description'))} |"
        for each in operation.get("parameters", ())
        if "name" in each
    ]
    if rows:
        lines += ["| parameter | in | meaning |", "|---|---|---|", *rows, ""]
    listed = operation["responses"].items()
    answers = [f"| {code} | {make_cell(each.get('description'))} |" for code, each in listed]
    return [*lines, "| answer | meaning |", "|---|---|", *answers, ""]


def make_cell(text: str | None) -> str:
    """Return a description as one line of a Markdown table.

    Signs of Markdown are escaped; in code, only the bar is one.
    """
    line = " ".join((text or "").split())
    return re.sub(r"`[^`]*`|[|<>\[\]*_$]", _escape, line)


def _escape(match: re.Match[str]) -> str:
    """Return code with its bars escaped, or a sign escaped."""
    return match[0].replace("|", r"\|") if match[0].startswith("`") else f"\\{match[0]}"


if __name__ == "__main__":
    sys.exit(main())
