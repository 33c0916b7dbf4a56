"""A call of an agent to the linter's and the measures' taste: the caller speaks into the greeting."""

from _support.broken_agents import voice
from voiceband.emulator import Call
from voiceband.emulator.network.network import Network
from voiceband.emulator.run.virtual import VirtualCall
from voiceband.markup import Stream


def make_call(agent, **options):
    stream = Stream("wss://agent.example.com/", bidirectional=agent.bidirectional, content_type=agent.format)
    return Call(stream=stream, send_stop=agent.send_stop, max_backlog_s=agent.max_backlog_s, seed=1, **options)


def conversation(agent, seconds=10.0, **options):
    """Run a call: the caller speaks into the greeting, from 1 s to 3.2 s, and hangs up at the end."""
    call = make_call(agent, **options)
    spoken = False

    def on_tick(now, call):
        nonlocal spoken
        if now >= 1.0 and not spoken:
            spoken = True
            call.say(voice(2.2))
        if agent.ends is not None:
            call.end(now, agent.ends)

    network = None if agent.network is None else Network(agent.network, seed=1)
    joined = VirtualCall(call, agent, network, on_tick=on_tick)
    joined.run(seconds if network is None else 40.0)
    call.hang_up(joined.now)
    joined.run(joined.now + 1.0)
    for i, text in enumerate(getattr(agent, "after_the_end", list)()):
        call.receive(text, joined.now + 0.02 * i)
    return call
