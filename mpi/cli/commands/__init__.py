"""Commands of ``mpi``, one module for each or a few.

Arguments of the command line enter. A command calls one use case of ``mpi.service``. Tables or JSON leave.
"""
