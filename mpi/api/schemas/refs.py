"""References inside the OpenAPI document."""

SCHEMAS = "#/components/schemas/"


def build_schema_ref(name: str) -> dict[str, str]:
    """A reference to a schema of the document by its name."""
    return {"$ref": SCHEMAS + name}
