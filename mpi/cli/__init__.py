"""The mpi command."""
