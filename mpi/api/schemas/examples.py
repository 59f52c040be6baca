"""Example values shared by the API schemas."""

EXAMPLE_EID = "T7K3-M92Q-X0HN"
EXAMPLE_TIME = "2026-11-24T06:00:02.118000Z"
