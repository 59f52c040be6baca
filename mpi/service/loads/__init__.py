"""Load files of source records, undo or preview loads, import crosswalks.

Rows of one source's file enter, as ``mpi.intake`` reads them, with the options of the load. Record versions,
derived data and persons leave, written in short transactions, with a receipt that accounts for every row.
"""
