"""Sound files and what is in them: one reader for all commands and pages, and where there is speech."""

from voiceband.sound.errors import CutError, DiskFullError, FileError, SoundWarning
from voiceband.sound.mono import read_mono
from voiceband.sound.source import SoundSource

__all__ = ["CutError", "DiskFullError", "FileError", "SoundSource", "SoundWarning", "read_mono"]
