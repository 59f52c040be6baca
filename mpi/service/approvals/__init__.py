"""Work between the maker of a step and those who must agree.

A waiting step enters, with the rights of an approver or a source owner. Its question with the same evidence
that the maker saw leaves. What came back to the maker is told by ``mpi.service.notices``.
"""
