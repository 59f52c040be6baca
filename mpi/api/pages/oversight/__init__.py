"""Pages by which people watch over access: emergencies, the ledger, seals.

Addresses and forms of privacy officers, auditors and second persons enter. Each page reads or changes the
index through a use case of ``mpi.service.access`` or ``mpi.service.stewardship``. HTML pages, CSV files and
redirects leave.
"""
