"""Makes what is in models/: simulate, fit, evaluate, publish."""
