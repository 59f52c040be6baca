"""Publication of fitted models under ``models/``.

The package checks a model, adds evaluation results to its card, and freezes the version. A model
folder and the JSON of an evaluation enter. The folder ``models/<name>/<version>`` leaves, with card
and figures.
"""
