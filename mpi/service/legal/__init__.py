"""Legal cases: subpoenas with counsel's decision, and what they release.

What was served, the notice and the decision enter, each under the name of its maker. The decided fields of
the decided records leave, with a line on the disclosure ledger for each person.
"""
