"""Repositories of children in care by district and caseworker.

Numbers of changed records enter.
The records of a district's students in care leave, and those of a caseworker's children.
"""
