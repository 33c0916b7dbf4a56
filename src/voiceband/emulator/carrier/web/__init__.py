"""Requests to web servers: where they go, how they are signed and sent again, what their answers do."""
