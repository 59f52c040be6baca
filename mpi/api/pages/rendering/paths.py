"""URL paths of pages."""

from urllib.parse import quote


def question_path(key: str) -> str:
    """Return the URL path of a review question's page.

    The key holds keyed hashes and numbers, and nothing of a child.
    """
    return f"/queue/{quote(key, safe=':')}"
