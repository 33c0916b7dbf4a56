"""The plan of fewest conversions, beside a search of everything there is."""

import base64
import collections
import itertools
import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from voiceband.formats import PLIVO_FORMATS, PLIVO_L16_16K, PLIVO_MULAW_8K, AudioFormat, Encoding, plan
from voiceband.markup import Stream
from voiceband.session import Audio, Session

RATES = (8000, 16000, 22050, 24000, 44100, 48000)
G711 = ("audio/x-mulaw;rate=8000", "audio/x-alaw;rate=8000")
NAMES = (*G711, *(f"audio/x-l16;rate={rate}" for rate in RATES))


def neighbours(name):
    """All that one conversion makes of a format."""
    kind, rate = name.split(";rate=")
    if kind == "audio/x-l16":
        yield from (f"audio/x-l16;rate={other}" for other in RATES if other != int(rate))
        yield from (f"audio/x-{law};rate={rate}" for law in ("mulaw", "alaw"))
    else:
        yield f"audio/x-l16;rate={rate}"


def distances(start):
    """Conversions from one format to every other, by breadth."""
    found = {start: 0}
    waiting = collections.deque([start])
    while waiting:
        name = waiting.popleft()
        for other in neighbours(name):
            if other not in found:
                found[other] = found[name] + 1
                waiting.append(other)
    return found


DISTANCE = {name: distances(name) for name in NAMES}


def rate_of(name):
    return int(name.split("=")[1])


def weigh(wire, ends, prefer):
    count = sum(DISTANCE[a][b] for a, b in ends)
    band = sum(min(rate_of(a), rate_of(b)) for a, b in ends)
    bytes_a_second = rate_of(wire) * (2 if "l16" in wire else 1)
    ratios = [Fraction(rate_of(a), rate_of(b)) for a, b in ends]
    terms = sum(max(r.numerator, r.denominator) for r in ratios)
    return (*((count, -band) if prefer == "conversions" else (-band, count)), bytes_a_second, terms)


def search(listens, speaks, prefer):
    """Try everything; the first of the best, in the order in which things are named."""
    tried = []
    for wire in (str(f) for f in PLIVO_FORMATS):
        for ear in listens or (None,):
            for mouth in speaks or (None,):
                ends = ([(wire, ear)] if ear else []) + ([(mouth, wire)] if mouth else [])
                tried.append((weigh(wire, ends, prefer), wire, ear, mouth))
    return min(tried, key=lambda each: each[0])


CHOICES = [None, *itertools.chain.from_iterable(itertools.permutations(NAMES, n) for n in (1, 2))]


@pytest.mark.parametrize("prefer", ["conversions", "band"])
def test_nothing_is_better_than_the_plan(prefer, dose):
    pairs = [pair for pair in itertools.product(CHOICES, repeat=2) if pair != (None, None)]
    rng = np.random.default_rng(1)
    chosen = rng.permutation(len(pairs))[: dose(600, len(pairs))]
    for listens, speaks in (pairs[i] for i in chosen):
        got = plan(listens, speaks, prefer=prefer)
        key, wire, ear, mouth = search(listens, speaks, prefer)
        ends = [end and str(end) for end in (got.listens, got.speaks)]
        assert [got.content_type, *ends] == [wire, ear, mouth]
        assert got.conversions == key[0 if prefer == "conversions" else 1]


@pytest.mark.parametrize("listens", NAMES)
@pytest.mark.parametrize("speaks", NAMES)
def test_the_steps_lead_from_one_end_to_the_other(listens, speaks):
    got = plan(listens, speaks)
    for source, target, steps in ((got.wire, got.listens, got.inbound), (got.speaks, got.wire, got.outbound)):
        at = source
        for step in steps:
            assert step.source == at != step.target
            same_rate = step.source.sample_rate == step.target.sample_rate
            samples = [f.encoding is Encoding.L16 for f in (step.source, step.target)]
            assert (step.kind, same_rate, samples) in [
                ("decode", True, [False, True]),
                ("encode", True, [True, False]),
                ("resample", False, [True, True]),
            ]
            at = step.target
        assert at == target


def send(session, payload):
    media = {"chunk": 1, "timestamp": "0", "payload": base64.b64encode(payload).decode()}
    return session.receive(json.dumps({"event": "media", "streamId": "s1", "media": media}), 0.0)


def test_the_latency_is_that_of_a_session():
    for listens in NAMES:
        got = plan(listens)
        session = Session(rate=got.rate, fallback_format=got.wire)
        session.receive('{"event":"start","start":{"streamId":"s1"}}', 0.0)
        send(session, bytes(640))
        assert got.inbound_ms == pytest.approx(session.latency_ms)


def test_what_a_session_hands_over_becomes_the_codes_that_came():
    """Without a conversion, codes pass through samples unharmed, but that of the two zeros one is left."""
    codes = bytes(range(256)) * 5
    got = plan("audio/pcmu", "audio/pcmu")
    assert got.conversions == 0
    session = Session(rate=got.rate, fallback_format=got.wire)
    session.receive('{"event":"start","start":{"streamId":"s1"}}', 0.0)
    (audio,) = (event for event in send(session, codes) if isinstance(event, Audio))
    assert got.listens.encode(audio.samples) == codes.replace(b"\x7f", b"\xff")
    assert Stream("wss://agent.example.com/ws", content_type=got.content_type).content_type == PLIVO_MULAW_8K


def test_costs_are_of_three_classes():
    got = plan("audio/x-alaw;rate=8000", "audio/x-l16;rate=44100", wires=["audio/x-mulaw"])
    assert [(str(step), step.cost, step.latency_ms) for step in (*got.inbound, *got.outbound)] == [
        ("decode audio/x-mulaw", "codec", 0.0),
        ("encode audio/x-alaw", "codec", 0.0),
        ("resample 44100 -> 8000", "general", 2.375),
        ("encode audio/x-mulaw", "codec", 0.0),
    ]
    assert [step.cost for step in plan(speaks="pcm;rate=24000").outbound] == ["simple"]
    assert plan(speaks="pcm;rate=24000").rate == 16000


def test_it_prints_what_to_do():
    assert str(plan(listens=PLIVO_L16_16K, speaks=AudioFormat(Encoding.L16, 22050))).splitlines() == [
        "contentType  audio/x-l16;rate=16000",
        "listens      audio/x-l16;rate=16000: as it is",
        "speaks       audio/x-l16;rate=22050: resample 22050 -> 16000 (1.2 ms)",
    ]


def test_a_rate_that_cannot_be_resampled_is_left_out():
    assert plan(["pcm;rate=15999", "pcm;rate=48000"]).listens.sample_rate == 48000
    with pytest.raises(ValueError, match="between 'pcm;rate=15999' and None"):
        plan("pcm;rate=15999")


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((), {}, "listens or speaks must be given"),
        (([],), {}, "listens: one format at least must be named"),
        (("audio/ogg",), {}, "listens: encoding must be one of .* not 'audio/ogg'"),
        ((None, ["pcm"]), {}, "speaks: an L16 type needs a rate"),
        (("pcmu",), {"wires": ["pcma"]}, "wires must be of .* not 'audio/x-alaw;rate=8000'"),
        (("pcmu",), {"wires": []}, "wires: one format at least must be named"),
        (("pcmu",), {"prefer": "speed"}, "prefer must be .* not 'speed'"),
    ],
)
def test_bad_arguments_are_named(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        plan(*arguments, **options)


def test_what_is_no_format_is_a_type_error():
    with pytest.raises(TypeError, match="speaks: text must be a MIME type, not 16000"):
        plan(None, [16000])
    with pytest.raises(TypeError, match="listens: 'int' object is not iterable"):
        plan(16000)


def formats_in(cell):
    """Read `L16 8, 16; mu-law 8` of the page's table."""
    names = {"L16": "audio/x-l16", "mu-law": "audio/x-mulaw", "A-law": "audio/x-alaw"}
    found = []
    for part in cell.split("; ") if cell != "-" else ():
        name, rates = part.split(" ", 1)
        found += [f"{names[name]};rate={float(rate) * 1000:.0f}" for rate in rates.split(", ")]
    return found or None


def steps_in(cell):
    """Read what a cell says that remains: how many conversions, and how many ms."""
    found = re.fullmatch(r"(.*?)(?: \((\d\.\d) ms\))?", cell)
    return [] if found[1] == "as it is" else found[1].split(", "), float(found[2] or 0)


@pytest.mark.source_tree
def test_the_table_of_the_page_is_what_the_plan_says():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    cells = [line.strip("| ").split(" | ") for line in page.splitlines()]
    rows = [row for row in cells if len(row) == 6 and row[3] in ("mu-law 8", "L16 8", "L16 16")]
    assert len(rows) > 15
    for name, takes, gives, ask_for, to_service, from_service in rows:
        got = plan(formats_in(takes), formats_in(gives))
        assert [got.content_type] == formats_in(ask_for), name
        for end, cell, steps, ms in (
            (got.listens, to_service, got.inbound, got.inbound_ms),
            (got.speaks, from_service, got.outbound, got.outbound_ms),
        ):
            if end is None:
                assert cell == "-", name
                continue
            said, said_ms = steps_in(cell)
            assert said == [str(step) for step in steps], name
            assert said_ms == pytest.approx(ms, abs=0.05), name
