"""A Django app that works through django-qstash, which others wrote, against the server."""
