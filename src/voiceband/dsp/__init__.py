"""The compiled kernels, one module each. Their public names are those of the `voiceband` package."""
