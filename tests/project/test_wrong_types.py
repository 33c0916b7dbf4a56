"""One rule for errors: an argument of a wrong type is a TypeError, whatever function it is given to."""

import inspect
import re

import numpy as np
import pytest

import voiceband
from voiceband import api, batch, callbacks, emulator, formats, markup, protocol

PCM = np.zeros(160, np.int16)
URL = "https://voice.example.com/"
CALLS = [
    (voiceband.Concealer, (8000,)),
    (voiceband.Denoiser, (8000,)),
    (voiceband.EchoGuard, (8000,)),
    (voiceband.JitterBuffer, (8000,)),
    (voiceband.Rechunker, (160,)),
    (voiceband.Resampler, (8000, 16000)),
    (voiceband.Session, ()),
    (voiceband.SoundGuard, ("l16", 8000)),
    (voiceband.Timeline, (8000,)),
    (voiceband.alaw_decode, (b"",)),
    (voiceband.alaw_encode, (PCM,)),
    (voiceband.denoise, (PCM, 8000)),
    (voiceband.l16_decode, (b"",)),
    (voiceband.l16_encode, (PCM,)),
    (voiceband.resample, (PCM, 8000, 16000)),
    (voiceband.to_float, (PCM,)),
    (voiceband.to_int16, (PCM.astype(np.float32),)),
    (voiceband.ulaw_decode, (b"",)),
    (voiceband.ulaw_encode, (PCM,)),
    (api.PlivoClient, ("id", "token")),
    (batch.Batch, ("source", "target", batch.Pipeline(batch.Mix()))),
    (batch.Conceal, ()),
    (batch.Decode, (formats.PLIVO_MULAW_8K,)),
    (batch.Denoise, ()),
    (batch.Normalise, ()),
    (batch.Pipeline, (batch.Mix(),)),
    (batch.Resample, (8000,)),
    (batch.Split, ()),
    (callbacks.NonceCache, ()),
    (callbacks.path_token, ("secret",)),
    (callbacks.sign_v2, (URL, "nonce", "token")),
    (callbacks.sign_v3, ("POST", URL, "nonce", "token")),
    (callbacks.verify_upgrade, (URL, {}, "token")),
    (callbacks.verify_v2, (URL, {}, "token")),
    (callbacks.verify_v3, ("POST", URL, {}, "token")),
    (emulator.BargeIn, ("@caller",)),
    (emulator.Carrier, (URL,)),
    (emulator.CarrierStream, ()),
    (emulator.Line, ()),
    (emulator.Network, ()),
    (emulator.Press, ("1",)),
    (emulator.Retries, ()),
    (emulator.Say, ("@caller",)),
    (emulator.Script, ([],)),
    (emulator.Pause, (1,)),
    (emulator.WaitFor, ("start",)),
    (emulator.WaitForSpeech, (100,)),
    (emulator.espeak, ("text",)),
    (emulator.lint, ([],)),
    (emulator.load_scripts, ("file.yaml",)),
    (emulator.murmur, ("text",)),
    (emulator.replay, ([],)),
    (emulator.take_turns, ([],)),
    (formats.AudioFormat, (formats.Encoding.MULAW, 8000)),
    (formats.plan, ("audio/x-mulaw;rate=8000",)),
    (markup.Hangup, ()),
    (markup.Play, (URL,)),
    (markup.Redirect, (URL,)),
    (markup.Response, ()),
    (markup.Speak, ("text",)),
    (markup.Stream, ("wss://voice.example.com/",)),
    (markup.Wait, ()),
    (protocol.parse_extra_headers, ("a=1",)),
]
ANYTHING = {
    # What a peer may send is a matter of the answer, not of an error; what is called or asked later is not looked at.
    **{f"verify_{kind}": {"url", "headers", "method", "params", "nonces"} for kind in ("upgrade", "v2", "v3")},
    "NonceCache": {"clock"},
    "PlivoClient": {"timeout_s", "client"},
    "Carrier": {"from_number", "to_number", "auth_id", "auth_token", "source", "on_stream", "speech", "log"},
    "CarrierStream": {"call_id", "account_id", "source", "frame_ms", "send_stop", "log", "on_event"},
    "Line": {"band_pass"},
    "Retries": {"new_stream_id"},
    "Say": {"wait", "backchannel"},
    "Script": {"name", "about"},
    "espeak": {"program"},
    "murmur": {"_language"},
    "take_turns": {"patience_s"},
    "parse_extra_headers": {"percent_decode"},
    # With mode="fixed" only, which the error says first.
    "JitterBuffer": {"delay_ms"},
}


class Odd:
    """Of no type that anything takes."""


def arguments():
    for function, args in CALLS:
        for i, parameter in enumerate(inspect.signature(function).parameters.values()):
            name = parameter.name
            if parameter.kind is parameter.VAR_KEYWORD or name in ANYTHING.get(function.__name__, ()):
                continue
            if i < len(args) or parameter.kind is parameter.VAR_POSITIONAL:
                given, by_name = (*args[:i], Odd(), *args[i + 1 :]), {}
            else:
                given, by_name = args, {name: Odd()}
            yield pytest.param(function, given, by_name, id=f"{function.__name__}-{name}")


@pytest.mark.parametrize(("function", "given", "by_name"), [*arguments()])
def test_a_wrong_type_is_a_type_error(function, given, by_name):
    with pytest.raises(TypeError) as raised:
        function(*given, **by_name)
    assert not re.search(r"positional argument|unexpected keyword|required", str(raised.value)), "the call is wrong"
