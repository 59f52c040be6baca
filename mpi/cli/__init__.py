"""The ``mpi`` command line.

Command lines, files and standard input enter. The commands call use cases of ``mpi.service``. Tables, JSON,
files and exit codes leave.
"""
