"""Reports on what becomes of children, as known on a day.

A viewer of every source, a report's name and an education extract enter. Named reports leave, with a line on
the disclosure ledger, exact for who may read records or with small counts hidden to publish. The package
changes no record.
"""
