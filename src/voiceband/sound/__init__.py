"""Sound files and what is in them: one reader for all commands and pages, and where there is speech."""
