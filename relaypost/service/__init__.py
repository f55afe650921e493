"""What a caller can ask for: a file for each noun, a function for each request."""
