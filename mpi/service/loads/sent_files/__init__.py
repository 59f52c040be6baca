"""Files that people and programs send over HTTP.

In comes a file as it arrives. It lies in a private folder until its load has ended. A file that a person sent
on the pages waits there as a draft. Out go the rows to load, what its columns mean, and its end.
"""
