"""Web pages of the steward's desk, as HTML that works without scripts.

Page requests and forms of signed-in people enter. The pages call use cases of ``mpi.service``. HTML with
escaped values, redirects and error pages leave.
"""
