"""Rights of the person: reports, amendments, retention, legal holds, research IDs.

In: requests about a record, rules of sources, legal holds, and plans to destroy. Out: reports, letters,
certificates, and the IDs of research projects. One person opens a case or plans a run, and another one
decides (ADR 0125, ADR 0126).
"""
