"""API schemas of quality: figures, forecasts and sampled pairs.

Figures, forecasts and pairs of the service enter; JSON with its OpenAPI descriptions leaves.
"""
