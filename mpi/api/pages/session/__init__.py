"""Sign-in sessions and form protection of the web pages.

Cookies and forms of a browser enter. The modules find the signed-in person and check the CSRF token. The
person, the checked form, or a redirect to the sign-in page leaves.
"""
