"""Terms and rules of the index, as pure functions and value types.

What enters: values that callers already hold, such as records, weights and viewers. What leaves: decisions
of rules, such as the surviving value of an attribute or whether a call is permitted; the package reads no
file, database or network and imports the standard library only.
"""
