"""Schema references and example values shared by the OpenAPI descriptions."""

EXAMPLE_EID = "T7K3-M92Q-X0HN"
EXAMPLE_TIME = "2026-11-24T06:00:02.118000Z"
SCHEMAS = "#/components/schemas/"


def build_schema_ref(name: str) -> dict[str, str]:
    """Build a reference to a schema of the OpenAPI document."""
    return {"$ref": SCHEMAS + name}
