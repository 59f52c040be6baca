"""Work between the person who makes a step and those who must agree.

A waiting step enters, with the rights of an approver or a source owner. Its question with the same evidence
that the maker saw leaves, and for the maker the steps, escalations and replies that came back.
"""
