"""Legal cases: subpoenas that counsel decides, and consents of families.

What was served, the notice and the decision enter, each under the name of its maker, as do signed consents.
The decided fields of the decided records leave, with a line on the disclosure ledger for each person.
"""
