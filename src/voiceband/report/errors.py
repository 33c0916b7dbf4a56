"""`ReportError`: why there is no report."""


class ReportError(Exception):
    """Something that cannot be reported on, or a report that cannot be made; the text says which, and why."""
