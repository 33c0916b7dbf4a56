"""The caller: what is said, heard and done at the phone."""
