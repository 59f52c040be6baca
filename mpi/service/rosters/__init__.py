"""Lists of children in care, for a district and for a caseworker.

Caseloads and the records of schools and child welfare enter.
Lists that one district or one caseworker may see leave, with what is new and what is missing.
"""
