"""The XML that answers a call: `Stream` with every rule checked, its plain neighbours, and `Response` around them."""

from voiceband.markup.element import Element
from voiceband.markup.neighbours import Hangup, Play, Redirect, Speak, Wait
from voiceband.markup.response import Response
from voiceband.markup.stream import Stream

__all__ = ["Element", "Hangup", "Play", "Redirect", "Response", "Speak", "Stream", "Wait"]
