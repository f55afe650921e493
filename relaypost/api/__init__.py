"""The REST API as an ASGI application."""
