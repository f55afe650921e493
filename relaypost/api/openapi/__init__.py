"""The OpenAPI document, made from routes and from what `wire` reads and writes; a page of it."""
