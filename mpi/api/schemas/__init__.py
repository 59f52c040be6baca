"""Schemas: the shapes of /v1 as callers see them, documented for OpenAPI."""
