"""Files of the simulated state: source files, weekly feeds, truth and manifest.

The package writes and reads CSV and Parquet block by block, so that memory does not grow. Simulated
populations or a feed plan enter. A folder of canonical files with ``truth`` and ``manifest.json``
leaves.
"""
