"""Measures a running relaypost from outside, over HTTP only. Imports nothing of the package."""
