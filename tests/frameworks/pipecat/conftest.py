"""pipecat's own imports warn; they come first here, so that warnings in the tests stay errors."""

import contextlib
import importlib
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name in ("pipeline.worker", "serializers.plivo", "transports.websocket.fastapi"):
        with contextlib.suppress(ModuleNotFoundError):  # each test module says that it is skipped
            importlib.import_module(f"pipecat.{name}")
