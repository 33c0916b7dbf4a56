"""How much is tried: a little under `make test`, and all of it under `make prove`, which sets VOICEBAND_PROVE.

`make sanitize` sets VOICEBAND_SANITIZED: memory is then held back after it was freed, and all is several times slower.
`coverage run` sets COVERAGE_RUN.
"""

import os

PROVE = os.environ.get("VOICEBAND_PROVE", "") not in ("", "0")
SANITIZED = os.environ.get("VOICEBAND_SANITIZED", "") not in ("", "0")
TRACED = os.environ.get("COVERAGE_RUN", "") == "true"


def dose(few, many):
    """Return how much of a long proof to do: `many` under `make prove`, else `few`."""
    return many if PROVE else few
