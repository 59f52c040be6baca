"""Fitting of a matching model to unlabelled records.

The package chooses blocking rules, learns m, u and the prior, and sets thresholds and cautions. A
feature table enters, with steward labels where there are some. A model folder leaves: settings,
frequencies, metrics, card and ``model.toml``.
"""
