"""Parts of an index that are made from the settings.

Settings enter. Senders of mail, identity rules, rule files and databases leave, for ``mpi.bootstrap``.
"""
