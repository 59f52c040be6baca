"""Reading and checking HTTP requests, and turning errors into problem responses.

In come ASGI requests: credentials, headers, raw paths and bodies. Out go authenticated viewers, record
references and parsed bodies for the routes. Errors leave as RFC 9457 problem+json.
"""
