"""Research extracts: agreed fields of linked records by a project's own IDs.

A project with recorded terms and an active agreement enters. A folder of files leaves, with a line on the
disclosure ledger: records, codebook, error rates, linkage statement, risk report, terms and manifest. At the
end of a project leaves the certificate that its extracts were destroyed. The package changes no record.
"""
