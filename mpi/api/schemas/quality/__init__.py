"""API schemas of quality: figures, forecasts, and the pairs sampled to measure it.

Figures, forecasts and pairs of the service enter; JSON with its OpenAPI descriptions leaves.
"""
