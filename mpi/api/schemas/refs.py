"""References inside the OpenAPI document."""

SCHEMAS = "#/components/schemas/"


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of the document by its name."""
    return {"$ref": SCHEMAS + name}
