"""Thin drivers that put a `Session` on a server's sockets, one module per server library."""
