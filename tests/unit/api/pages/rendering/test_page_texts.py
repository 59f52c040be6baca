import re
import tomllib
from pathlib import Path

import pytest

import mpi.api
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.domain.viewer import ACTIONS_GRANTED_TO_PEOPLE, Action

TEMPLATES = Path(mpi.api.__file__).parent / "templates"
PAGES = sorted(TEMPLATES.glob("*.html"))
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_SPOKEN = re.compile(r'(?:aria-label|placeholder|title|alt|data-label|content)="([^"]*)"')
_TAG = re.compile(r"<[^>]*>", re.DOTALL)
_UNSPOKEN = re.compile(r"<kbd[^>]*>.*?</kbd>", re.DOTALL)
_SETTINGS = {"width=device-width, initial-scale=1", "light dark", "no-referrer"}


@pytest.mark.parametrize("template", PAGES, ids=lambda path: path.name)
def test_a_template_contains_no_words_itself(template):
    text = _UNSPOKEN.sub("", _JINJA.sub("", template.read_text()))
    visible_texts = [*_SPOKEN.findall(text), _TAG.sub(" ", text)]
    joined = " ".join(visible_text for visible_text in visible_texts if visible_text not in _SETTINGS)
    assert re.findall(r"[A-Za-z]{2,}", joined) == []


def test_an_unknown_word_is_an_error_and_no_empty_text():
    with pytest.raises(LookupError, match=r"person\.nothing_like_it"):
        load_words().person.nothing_like_it  # noqa: B018


def test_no_word_is_hidden_by_a_method_of_the_table():
    assert (
        set(every_name(tomllib.loads((TEMPLATES / "words.toml").read_text()))) & set(dir(load_words()))
        == set()
    )


def test_values_are_escaped_where_they_are_inserted():
    assert format_text("<{name}>", name="<b>") == "<&lt;b&gt;>"


def test_the_pages_use_no_avoided_word():
    texts = list(every_text(tomllib.loads((TEMPLATES / "words.toml").read_text())))
    assert len(texts) > 100
    for word in ("merge", "split", "entity", "confidence", "score", "master id", "dedup"):
        assert [text for text in texts if re.search(rf"\b{word}", text.lower())] == []


def every_text(table):
    for value in table.values():
        if isinstance(value, str):
            yield value
        else:
            yield from every_text(value)


def every_name(table):
    for name, value in table.items():
        yield name
        if isinstance(value, dict):
            yield from every_name(value)


@pytest.mark.parametrize("action", sorted(Action))
def test_the_ledger_names_every_action(action):
    assert load_words().ledger.action.maybe(action)


@pytest.mark.parametrize("action", sorted(ACTIONS_GRANTED_TO_PEOPLE))
def test_the_page_of_accounts_names_every_action_granted_by_name(action):
    assert load_words().accounts.granted.maybe(action)
