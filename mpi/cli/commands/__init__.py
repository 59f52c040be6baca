"""The commands of ``mpi``, one module for each or for a few related ones.

Arguments of the command line enter. A command calls one use case of ``mpi.service``. Tables or JSON leave.
"""
