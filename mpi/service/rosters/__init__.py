"""Lists of children in care: of a district's students, and of a caseworker's children.

Caseloads and the records of schools and child welfare enter.
Lists that one district or one caseworker may see leave, with what is new and what is missing.
"""
