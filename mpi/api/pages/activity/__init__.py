"""Pages of who did what, what came back for the reader, and who works on what.

Page requests and forms of signed-in people enter. The pages call use cases of ``mpi.service.notices``. HTML
with escaped values and redirects leave.
"""
