"""The linter: says from the log of a call what is wrong with the agent.

CallLog --entry--> Linter --> AgentStream: what has been queued and what the caller says
|
+--> one small class a rule --> Finding
"""

from voiceband.emulator.judge.lint.linter import Linter, lint

__all__ = ["Linter", "lint"]
