"""The index in a notebook: tables in, tables with enterprise IDs out.

In come data frames or Arrow tables. Out go tables, by the same services, policy and ledger as every answer of
the index. ``mpi.open`` is the way in.
"""
