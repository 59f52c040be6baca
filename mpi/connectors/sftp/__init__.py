"""Files of a folder on an SSH server, over SFTP.

What enters: a connection. What leaves: a list of files, and the bytes of each in a local one. ``asyncssh``,
which speaks SSH, is the optional extra ``sftp``.
"""
