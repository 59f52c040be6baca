"""Conditions under which a change waits: holds, owner consents and freeze windows.

The records, maker and detail of a planned step or proposal item enter, with the settings of their sources.
The owners to ask, the first day on which the change may take effect, and stored holds leave.
"""
