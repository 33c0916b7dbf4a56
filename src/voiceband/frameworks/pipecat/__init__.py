"""A frame serializer for pipecat in the place of its own `PlivoFrameSerializer`, and a noise filter for transports."""

try:
    from voiceband.frameworks.pipecat.controls import CheckpointFrame, PlayedFrame, PlivoControls
    from voiceband.frameworks.pipecat.filter import DenoiserFilter
    from voiceband.frameworks.pipecat.serializer import PlivoFrameSerializer
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"the serializer needs {_error.name}; pip install 'voiceband[pipecat]' brings it", name=_error.name
    ) from None

__all__ = ["CheckpointFrame", "DenoiserFilter", "PlayedFrame", "PlivoControls", "PlivoFrameSerializer"]
