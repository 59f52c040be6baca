"""Commands about rights of the person, retention and research.

In: arguments, and texts on standard input. Out: facts and tables, or JSON, and the CSV file of a project.
"""
