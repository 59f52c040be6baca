"""Rules about the values of a record that a state declares in a file."""
