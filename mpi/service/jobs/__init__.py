"""Long work in the background, with its progress.

A request to make, apply or roll back a proposal, or to undo a load, enters. A job leaves that any process can
watch. The work itself is that of the packages below, which can be interrupted and called again.
"""
