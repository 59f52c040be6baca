"""Readers of Ed-Fi data: interchange XML, and JSON of the API.

One mapping serves files and pulls: ``student`` and ``assembly`` read *items*, which have the form that the
Ed-Fi API gives them in JSON; ``xml_items`` makes items of XML elements.
"""
