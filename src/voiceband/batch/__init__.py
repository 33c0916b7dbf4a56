"""Pipelines over arrays, files and clusters."""

from voiceband.batch.folder import Batch
from voiceband.batch.pipeline import Pipeline, PipelineStream
from voiceband.batch.scan import LeftAlone
from voiceband.batch.stages import Conceal, Decode, Denoise, Echoes, Mix, Normalise, Resample, Spec, Split, Stage, Tones
from voiceband.batch.tone_watch import ChannelTone
from voiceband.batch.work import FileOutcome, Job, Result, process_file
from voiceband.sound.echoes import EchoSpan
from voiceband.sound.errors import CutError, DiskFullError, FileError

__all__ = [
    "Batch",
    "ChannelTone",
    "Conceal",
    "CutError",
    "Decode",
    "Denoise",
    "DiskFullError",
    "EchoSpan",
    "Echoes",
    "FileError",
    "Job",
    "LeftAlone",
    "Mix",
    "Normalise",
    "FileOutcome",
    "Pipeline",
    "PipelineStream",
    "Resample",
    "Result",
    "Spec",
    "Split",
    "Stage",
    "Tones",
    "process_file",
]
