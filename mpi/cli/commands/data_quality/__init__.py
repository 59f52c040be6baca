"""Commands about the data quality of sources.

Codes of sources and filters enter. Issues with their local IDs and loads leave, and no value of a record.
"""
