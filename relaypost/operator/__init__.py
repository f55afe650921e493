"""Commands of whoever operates the server, and the socket on which a running server takes them."""
