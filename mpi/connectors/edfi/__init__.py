"""Connector that pulls students from an Ed-Fi API.

The API is an ODS/API 7 or an Ed-Fi API 8.

``discovery`` finds out what the API offers, ``options`` reads the connection, ``api_reader`` reads
collections without losing what changes meanwhile, ``item_store`` holds what was read, and ``connector`` makes
canonical rows of it.
"""
