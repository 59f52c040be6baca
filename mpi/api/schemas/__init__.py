"""Request and response schemas of the ``/v1`` API.

JSON bodies and query parameters enter, and the use cases' results. Pydantic models and JSON schemas describe
them. Validated parameters, JSON responses and the OpenAPI document leave.
"""
