"""Routes of the JSON API under ``/v1``, one module for each resource.

In come HTTP requests with an authenticated caller. Each handler checks permission, parses the body and calls
one service. Out go the service's results, in the shape of the response models in ``mpi.api.schemas``.
"""
