"""pipecat's own imports warn; they come first here, so that warnings in the tests stay errors."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import pipecat.pipeline.worker
        import pipecat.serializers.plivo
        import pipecat.transports.websocket.fastapi
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        pass  # each test module says that it is skipped
