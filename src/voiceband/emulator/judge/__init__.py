"""What is found out about a call once it has ended."""
