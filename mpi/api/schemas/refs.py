"""References to schemas within the OpenAPI document."""

SCHEMAS = "#/components/schemas/"


def build_schema_ref(name: str) -> dict[str, str]:
    """Build a reference to a schema of the OpenAPI document."""
    return {"$ref": SCHEMAS + name}
