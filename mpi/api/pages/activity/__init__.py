"""Pages of the activity list, answers for the reader, and workload.

Page requests and forms of signed-in people enter. The pages call use cases of ``mpi.service.notices``. HTML
with escaped values and redirects leave.
"""
