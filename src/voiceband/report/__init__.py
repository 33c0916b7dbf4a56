"""A call or a clip as one HTML page with plots and players."""

from voiceband.report.errors import ReportError
from voiceband.report.make import report

__all__ = ["ReportError", "report"]
