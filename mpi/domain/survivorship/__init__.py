"""Survivorship: which stated value becomes the golden record's value.

The values that a person's records state enter, with the rule of their attribute. The surviving values leave,
each with the reason and the values that it prevailed over.

A rule is an order of criteria. A criterion ranks each value by itself, never against the others. So the
order in which records are read does not matter, and a record whose value does not stand can go without
changing the one that does. Ties are settled by the records' canonical keys. A person's name is the exception.
"""
