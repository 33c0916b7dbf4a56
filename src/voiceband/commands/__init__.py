"""What the `voiceband` command can do, one module per command."""
