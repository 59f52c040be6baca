"""Serving the HTTP application on one port from one or several processes.

The application and the settings enter. Answers on a loopback address leave. Whoever serves also resumes work
that another process left unfinished.
"""
