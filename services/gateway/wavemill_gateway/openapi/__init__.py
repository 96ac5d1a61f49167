"""OpenAPI: the interface described for programs (/openapi.json) and for people (/docs).

What each route takes and answers is declared once, in `declared`; the shapes come from the very
types that the handlers read and write. A test holds it all against the app's router, and every
test's client against the answers that are declared.
"""
