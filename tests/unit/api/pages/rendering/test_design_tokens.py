"""Test that the colors of the pages are tokens of the U.S. Web Design System, and can be read."""

import json
import re
from pathlib import Path

import pytest

import mpi.api

TEMPLATES = Path(mpi.api.__file__).parent / "templates"
SYSTEM = json.loads((Path(__file__).parent / "uswds_colors.json").read_text("utf-8"))
"""Colors of USWDS 3.14 by token, from packages/uswds-core/src/styles/tokens/color of its npm package."""
_TOKEN = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{6}); /\* ([a-z0-9-]+) \*/")
_TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "accent") for ground in ("ground", "raised", "sunken")),
    *((name, f"{name}-ground") for name in ("accent", "same", "differ", "close", "bad")),
    *((name, "raised") for name in ("same", "differ", "close", "bad")),
    ("ink", "same-ground"), ("ink", "differ-ground"), ("ink", "close-ground"), ("ink", "accent-ground"),
    ("soft", "same-ground"), ("soft", "close-ground"), ("soft", "accent-ground"),
    ("warn-ink", "warn-ground"), ("accent-ink", "accent"), ("accent-ink", "accent-dark"), ("raised", "bad"),
    ("bar-ink", "bar"), ("bar-ink", "bar-raised"), ("bar-soft", "bar"),
]  # fmt: skip
_SHAPE_PAIRS = [
    ("edge", "raised"), ("edge", "ground"), ("bar-mark", "bar"), ("bar-mark", "bar-raised"),
    *((f"tone{n}", "raised") for n in range(6)),
]  # fmt: skip


def read_colors(scheme):
    """Return the colors of the light or the dark pages by name; dark ones replace light ones."""
    light, _, dark = (TEMPLATES / "tokens.css").read_text("utf-8").partition("prefers-color-scheme: dark")
    colors = {name: value for name, value, _ in _TOKEN.findall(light)}
    return colors | ({name: value for name, value, _ in _TOKEN.findall(dark)} if scheme == "dark" else {})


def compute_luminance(color):
    """Return the relative luminance of a color (WCAG 2.2)."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def compute_contrast(one, other):
    """Return the contrast ratio of two colors (WCAG 2.2)."""
    high, low = sorted((compute_luminance(one), compute_luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("file", ["tokens.css", "style.css"])
def test_every_color_is_that_of_the_token_it_names(file):
    text = (TEMPLATES / file).read_text("utf-8")
    tokens = _TOKEN.findall(text)
    assert tokens
    assert {token: value for _, value, token in tokens} == {token: SYSTEM[token] for _, _, token in tokens}
    assert len(re.findall(r"#[0-9a-f]{3,8}\b", text)) == len(tokens), "a color without a token"


def test_contrast_of_black_and_white_is_21():
    assert compute_contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_4_5(scheme):
    colors = read_colors(scheme)
    assert [
        (ink, ground, round(contrast, 2))
        for ink, ground in _TEXT_PAIRS
        if (contrast := compute_contrast(colors[ink], colors[ground])) < 4.5
    ] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_and_charts_have_a_contrast_of_at_least_3(scheme):
    colors = read_colors(scheme)
    assert [
        (shape, ground, round(contrast, 2))
        for shape, ground in _SHAPE_PAIRS
        if (contrast := compute_contrast(colors[shape], colors[ground])) < 3
    ] == []
