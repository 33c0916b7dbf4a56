"""A call of an agent to the linter's and the measures' taste: the caller speaks into the greeting."""

from _support.good_agents import voice
from _support.one_stream import OneStream
from voiceband.emulator import Network
from voiceband.markup import Stream


def called_on(agent, url="wss://agent.example.com/"):
    """Return the stream that an agent is to be called on, and what else its carrier needs."""
    element = Stream(url, bidirectional=agent.bidirectional, content_type=agent.format, keep_call_alive=True)
    return element, {"send_stop": agent.send_stop, "max_backlog_s": agent.max_backlog_s, "seed": 1}


def conversation(agent, seconds=10.0, **options):
    """Run a call: the caller speaks into the greeting, from 1 s to 3.2 s, and hangs up at the end."""
    spoken = False

    def on_tick(now, stream):
        nonlocal spoken
        if now >= 1.0 and not spoken:
            spoken = True
            stream.say(voice(2.2))
        if agent.ends is not None:
            stream.end(now, agent.ends)

    network = None if agent.network is None else Network(agent.network, seed=1)
    element, for_carrier = called_on(agent)
    one = OneStream(agent, network, element=element, on_tick=on_tick, **for_carrier, **options)
    one.run(seconds if network is None else 40.0)
    one.stream.hang_up(one.now)
    one.run(one.now + 1.0)
    for i, text in enumerate(getattr(agent, "after_the_end", list)()):
        one.stream.receive(text, one.now + 0.02 * i)
    return one.stream
