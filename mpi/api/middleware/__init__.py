"""ASGI middleware around every HTTP request.

In comes each raw request. It is checked, limited, sent down a fast path or to FastAPI, measured and logged.
Out goes the response with security headers and a request ID.
"""
