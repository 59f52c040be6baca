"""Files in request bodies: multipart forms, read as they arrive.

In comes the body of a request whose caller is permitted. Out go the text fields of the form, and a private
folder with its files (``mpi.service.loads.sent_files.upload``).
"""
