"""Figures of a model: weights, m and u, blocking and calibration.

The package draws with Matplotlib, which is the extra ``plots``. Settings of a model, blocking
contributions and the JSON of an evaluation enter. SVG files leave, equal to the byte for equal
input.
"""
