"""Commands that read and write files of records, IDs and decisions.

Files of sources and of other systems enter. The commands load them, or write exports. Receipts, rejected
rows and export files leave.
"""
