"""Pipelines over arrays, files and clusters."""

from voiceband.batch.files import DiskFullError, FileError
from voiceband.batch.folder import Batch
from voiceband.batch.pipeline import Pipeline, PipelineStream
from voiceband.batch.stages import Conceal, Decode, Denoise, Mix, Normalise, Resample, Spec, Split, Stage
from voiceband.batch.work import Job, Outcome, Result, process_file

__all__ = [
    "Batch",
    "Conceal",
    "Decode",
    "Denoise",
    "DiskFullError",
    "FileError",
    "Job",
    "Mix",
    "Normalise",
    "Outcome",
    "Pipeline",
    "PipelineStream",
    "Resample",
    "Result",
    "Spec",
    "Split",
    "Stage",
    "process_file",
]
