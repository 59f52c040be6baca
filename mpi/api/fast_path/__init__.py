"""Fast paths of look-ups and upserts, which bypass FastAPI.

In come requests of the common form, dispatched by ``mpi.api.middleware.fast_path_dispatch``. They read or
write through the same services as the ordinary routes. Out go JSON responses in the shape of the documented
response models.
"""
