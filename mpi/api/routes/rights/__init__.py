"""Routes for rights of the person, court papers, retention, destruction and research.

In: JSON bodies of clients with a right such as ``rights.manage`` or ``subpoena.decide``. Out: cases,
reports, holds, runs, certificates and projects.
"""
