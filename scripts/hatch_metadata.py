"""Project links and description of the distribution, made when it is built.

The address of the project is written once, as ``url`` of its hook in pyproject.toml. If it is there, the
package has links to its parts, and relative links of the README become absolute, since a package index has no
folder ``docs``.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PARTS = {
    "Documentation": "blob/HEAD/docs/README.md",
    "Source": "",
    "Changelog": "blob/HEAD/CHANGELOG.md",
    "Issues": "issues",
    "Security": "security/policy",
}
_RELATIVE_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)]+)\)")


class ProjectMetadata(MetadataHookInterface):
    """Hook of hatchling that sets the fields ``urls`` and ``readme``."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the links and the description to the metadata."""
        root = Path(self.root)
        url = str(self.config.get("url", ""))
        metadata["urls"] = make_links(url)
        text = root.joinpath("README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": make_links_absolute(text, url)}


def make_links(url: str) -> dict[str, str]:
    """Return the project's links by label; none without an address."""
    base = url.rstrip("/")
    return {label: f"{base}/{part}".rstrip("/") for label, part in _PARTS.items()} if base else {}


def make_links_absolute(text: str, url: str) -> str:
    """Return a page whose relative links lead to the project's address.

    Without an address, the page stays as it is.
    """
    base = url.rstrip("/")
    if not base:
        return text
    return _RELATIVE_LINK.sub(lambda link: f"]({base}/{_get_view(link[1])}/HEAD/{link[1]})", text)


def _get_view(target: str) -> str:
    """Return a file's view on the project's page: ``raw`` or ``blob``.

    A picture is shown as it is, and any other file as text.
    """
    return "raw" if target.endswith(".png") else "blob"
