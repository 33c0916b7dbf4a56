"""What runs a call: on sockets by the real clock, or in one process by a virtual one."""
