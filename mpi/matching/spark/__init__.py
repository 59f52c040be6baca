"""The batch scorer for states that outgrow one machine: Splink on Spark, with our own string functions.

What needs the optional extra ``spark`` is imported when it is asked for, and not before.
"""
