"""A stage for workers, which import this module and nothing else of the tests."""

import os

from voiceband.batch import Stage
from voiceband.batch.streams import Stateless


class Deadly(Stage, frozen=True):
    """Kills its process when it meets one sample, as running out of memory would."""

    def after(self, spec):
        return spec

    def open(self, spec):
        return Stateless(self._look, spec.channels, spec.dtype)

    @staticmethod
    def _look(parts):
        if (parts[0] == 32124).any():
            os._exit(9)
        return parts
