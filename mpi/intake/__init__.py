"""Readers that turn files of any supported format into canonical rows.

What enters: CSV, Parquet, NDJSON, Ed-Fi XML and AFCARS XML files, with a mapping of their columns. What
leaves: rows under canonical field names, rows that were rejected with a reason, and profiles of whole
files; a rejected row or a profile holds no value of the file.
"""
