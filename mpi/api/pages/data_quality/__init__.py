"""Pages about the data quality of sources, for their data owners.

Addresses and forms of data owners and operators enter. Each page reads or changes the index through a use
case of ``mpi.service.data_quality``. HTML pages, CSV files and redirects leave.
"""
