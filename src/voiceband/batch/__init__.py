"""Pipelines over arrays, files and clusters."""

from voiceband.batch.files import DiskFullError, FileError
from voiceband.batch.pipeline import Pipeline, PipelineStream
from voiceband.batch.stages import Conceal, Decode, Denoise, Mix, Normalise, Resample, Spec, Split, Stage
from voiceband.batch.work import Result, process_file

__all__ = [
    "Conceal",
    "Decode",
    "Denoise",
    "DiskFullError",
    "FileError",
    "Mix",
    "Normalise",
    "Pipeline",
    "PipelineStream",
    "Resample",
    "Result",
    "Spec",
    "Split",
    "Stage",
    "process_file",
]
