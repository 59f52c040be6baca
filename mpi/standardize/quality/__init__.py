"""Rules about record values that a state declares in a file."""
