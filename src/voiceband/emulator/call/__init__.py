"""A call as people place it: target, caller, outcome, files."""
