"""Tools that simulate records and fit, evaluate and publish matching models.

The package makes the contents of ``models/`` and the practice pairs of stewards; the service never
imports it. Canonical record files, steward labels, census name tables and public evaluation sets
enter. Simulated states, model folders, evaluation reports, figures and practice pairs leave.
"""

import sys

if __name__ != "training":
    # Installed, this package is mpi.training, and its modules import one another as training.
    sys.modules["training"] = sys.modules[__name__]
