"""A phone call to one address in real time, without a web server, and with one attempt to connect."""

from voiceband.emulator import Carrier, Retries, run_call
from voiceband.formats import PLIVO_MULAW_8K
from voiceband.markup import Stream


async def call_agent(url, wire=PLIVO_MULAW_8K, *, say=None, seconds=None, act=None, on_stream=None, **carrier_options):
    """Call the agent at `url`, and return the carrier once the call is over.

    `say` is what the caller says from the beginning. After `seconds` of stream the caller hangs up. `act` is called
    with (stream, now) at every turn, `on_stream` with the stream before it starts.
    """

    def begin(stream, _now):
        if say is not None:
            stream.say(say)
        if on_stream is not None:
            on_stream(stream)

    def on_tick(now, carrier):
        if (stream := carrier.stream) is None:
            return
        if act is not None:
            act(stream, now)
        if seconds is not None and now - stream.started_at > seconds:
            carrier.hang_up(now)

    element = Stream(url, bidirectional=True, keep_call_alive=True, content_type=wire)
    carrier = Carrier(element, on_stream=begin, retries=Retries(most=0), **carrier_options)
    await run_call(carrier, on_tick=on_tick)
    return carrier
