"""Administration pages of the operator, one module for each.

They let an operator run the index in the browser: accounts, API clients, loads, freeze windows, sources and
health. Addresses and forms enter. Each page reads or changes the index through the use case that the command
line calls too. Rendered HTML pages, downloads and redirects leave. No page shows a child or a value of a
record: nothing is disclosed to operators.
"""
