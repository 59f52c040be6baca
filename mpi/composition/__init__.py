"""Parts of an index that are made from the settings.

Settings enter. Senders of mail, identity rules, rule files, databases, models, engines and the settings of an
index leave, for ``mpi.bootstrap``.
"""
