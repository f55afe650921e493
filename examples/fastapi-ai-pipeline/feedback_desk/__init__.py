"""A pipeline of AI jobs on FastAPI and relaypost."""
