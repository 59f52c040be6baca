"""Addresses of pages, with what they name encoded."""

from urllib.parse import quote


def question_path(key: str) -> str:
    """The page of a question. Its key holds keyed hashes and numbers, nothing of a child."""
    return f"/queue/{quote(key, safe=':')}"
