"""What each setting means, from the source of ``mpi.config``.

It is read when the reference page or a new file of settings is written, and takes the standard library only.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_SOURCE = Path(__file__).with_name("config.py")
_KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "yes or no",
    "Path": "path",
    "SecretStr": "secret",
    "SecondApprover": "choice",
}
_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"))
_WIDTH = 100
_HEAD = """\
# Settings of the Master Person Index. The environment variable MPI_CONFIG names this file.
# An environment variable MPI_... wins over the file. To set a setting, remove the "#" before its name.
# `mpi config check` says what is wrong with it, and `mpi config show` what is in force.
"""


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """Description of one setting.

    Args:
        name: name of the setting, in lower case.
        kind: kind of value, with its bounds.
        default: default value as Python writes it; empty for none.
        meaning: what it does, in one or a few sentences; names of settings in backquotes.
    """

    name: str
    kind: str
    default: str
    meaning: str


def list_setting_docs() -> list[SettingDoc]:
    """Return the description of each setting, in the order of the source."""
    tree = ast.parse(_SOURCE.read_text(encoding="utf-8"))
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Settings").body
    docs = []
    for field, text in pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(text, ast.Expr):
            meaning = " ".join(ast.literal_eval(text.value).split()).replace("``", "`")
            meaning = meaning.replace("None for", "if not set,").replace("None", "not set")
            docs.append(SettingDoc(field.target.id, _describe_kind(field), _describe_default(field), meaning))
    return docs


def _describe_kind(field: ast.AnnAssign) -> str:
    """Return the kind of value, with its bounds."""
    name = ast.unparse(field.annotation).replace(" | None", "")
    kind = " or ".join(re.findall(r"'(\w+)'", name)) if name.startswith("Literal") else _KINDS[name]
    bounds = [
        f"{symbol} {ast.unparse(word.value)}"
        for word in _list_keywords(field)
        for argument, symbol in _BOUNDS
        if word.arg == argument
    ]
    return ", ".join([kind, *bounds])


def _describe_default(field: ast.AnnAssign) -> str:
    """Return the default value; empty text for none."""
    value = field.value
    if isinstance(value, ast.Call):
        given = [word for word in _list_keywords(field) if word.arg == "default"]
        if not given:
            return "~/.local/share/mpi"
        value = given[0].value
    text = "" if value is None else ast.unparse(value)
    if text in {"None", "''"}:
        return ""
    return "shared" if text == "SHARED_SCOPE" else text.strip("'")


def _list_keywords(field: ast.AnnAssign) -> list[ast.keyword]:
    """Return the arguments of a field's call, if its value is one."""
    return field.value.keywords if isinstance(field.value, ast.Call) else []


def render_template() -> str:
    """Return a TOML file in which every setting is commented out."""
    return _HEAD + "".join("\n" + "\n".join(_render_setting(doc)) + "\n" for doc in list_setting_docs())


def _render_setting(doc: SettingDoc) -> Iterator[str]:
    """Yield the lines of one setting."""
    yield from textwrap.wrap(
        f"{doc.meaning} ({doc.kind})", _WIDTH, initial_indent="# ", subsequent_indent="# "
    )
    yield f"# {doc.name} = {_render_default(doc)}"


def _render_default(doc: SettingDoc) -> str:
    """Return the default of a setting as TOML writes it."""
    if doc.kind == "yes or no":
        return doc.default.lower()
    if doc.kind.startswith(("whole number", "number")):
        return doc.default.replace("_", "")
    return f'"{doc.default}"'
