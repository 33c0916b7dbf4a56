"""Train the sound guard's network, which tells at how many times its rate a voice runs, and print its numbers as C.

    OPENBLAS_NUM_THREADS=1 python tools/train_sound_net.py FOLDER > csrc/vb_sound_net.h

FOLDER has one folder for each talker (speech/NAME/*.wav), with sound files of 16 kHz or more, and folders music/ and
noise/ of sounds that are no voice. Each talker is made to speak at 1, 2, 1.5, 3, 1/2, 2/3 and 1/3 of the true rate,
with formants and pitch shifted as those of children and giants, faster and slower, whispered, filtered as telephones
do, in noise and babble that are at the same wrong rate, clipped, and in mu-law; music is right at any rate, and so are
tunes of bells and drums that are made here. The same folder and --seed make the same header. Talkers named by --hold
are left out of the training, and what the network says of them goes to standard error: how often it is right, and how
often it doubts a right rate. Judge it by talkers who are not in the folder. What it sees is computed as in
csrc/vb_sound_voice.c. Needs numpy, scipy, soundfile, and one core for a quarter of an hour with --each 42.
"""

import argparse
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from scipy.linalg import solve_toeplitz
from scipy.signal import butter, lfilter, resample_poly, sosfilt

import voiceband
from make_sound_tables import BANDS, LAGS, POINTS, RATE, band_table, lag_edges

RATIOS = [Fraction(1), Fraction(2), Fraction(3, 2), Fraction(3), Fraction(1, 2), Fraction(2, 3), Fraction(1, 3)]
HOP = 480  # 60 ms at 8 kHz
FIRST, HIDDEN, THIRD = 48, 32, 32
LOUD = 10737  # -50 dBov
FRAMES = 67  # four seconds
FULL = 16000


# ---- what the network sees


def bank():
    """Return the weights of the bins in each band."""
    first, weights = band_table()
    table = np.zeros((BANDS, POINTS // 2 + 1), np.float32)
    for row, at, w in zip(table, first, weights, strict=True):
        row[at : at + len(w)] = w[: len(row) - at]
    return table


BANK = bank()
EDGES = lag_edges()
WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(POINTS) / POINTS)).astype(np.float32)


def features(pcm):
    """Return what the network sees of int16 samples at 8 kHz: a row for every third frame that sounds."""
    n = (len(pcm) - POINTS) // HOP + 1
    if n < 2:
        return np.zeros((0, 2 * BANDS + LAGS), np.float32)
    frames = pcm[np.arange(POINTS) + HOP * np.arange(n)[:, None]].astype(np.float32)
    sounds = frames[:, -160:].var(axis=1) >= LOUD
    power = np.abs(np.fft.rfft(frames * WINDOW, axis=1)) ** 2
    levels = np.log2(power @ BANK.T + 2.0 * POINTS)
    levels -= levels.mean(axis=1, keepdims=True)
    likeness = np.fft.irfft(np.sqrt(power), axis=1)
    likeness /= likeness[:, :1] + 1e-3
    pitch = np.stack([likeness[:, a:b].max(axis=1) for a, b in pairwise(EDGES)], axis=1)
    change = np.diff(levels, axis=0, prepend=levels[:1])
    return np.hstack([levels, 4 * pitch, change])[sounds].astype(np.float32)


# ---- how speech is varied


def tempo(x, speed):
    """Return speech of the same pitch, faster or slower, by overlapping waveforms that fit."""
    width, reach = 480, 160
    half, shape, out, pos = width // 2, np.hanning(width), np.zeros(int(len(x) / speed) + width), 0
    tail = None
    for i in range(int(len(x) / speed / half) - 2):
        at = int(i * half * speed)
        if tail is not None:
            low = max(0, at - reach)
            part = x[low : at + reach + width]
            if len(part) >= width + 2 and len(tail) == width:
                at = low + 2 * int(np.argmax(np.correlate(part[::2], tail[::2], "valid")))
        piece = x[at : at + width]
        if len(piece) < width:
            break
        out[pos : pos + width] += piece * shape
        tail, pos = x[at + half : at + half + width], pos + half
    return out[:pos]


def shifted(x, ratio):
    """Return speech with pitch and formants `ratio` times as high, at the same tempo."""
    part = Fraction(ratio).limit_denominator(40)
    return tempo(resample_poly(x, part.denominator, part.numerator), 1 / float(part))


def whispered(x, rng):
    """Return speech without a pitch."""
    out, width = np.zeros(len(x)), 512
    for i in range(0, len(x) - width, width // 2):
        piece = x[i : i + width] * np.hanning(width)
        r = np.correlate(piece, piece, "full")[width - 1 : width + 18]
        if r[0] < 1e-6:
            continue
        r[0] *= 1.001
        a = solve_toeplitz(r[:18], r[1:19])
        gain = np.sqrt(max(r[0] - a @ r[1:19], 1e-9) / width)
        out[i : i + width] += lfilter([1], np.r_[1, -a], rng.standard_normal(width) * gain) * np.hanning(width)
    return lfilter([1, -0.7], [1], out)


def channel(y, ratio, rng):
    """Return speech at 8 kHz as a microphone and a telephone passed it before its rate was mistaken."""

    def passed(y, order, kind, hz):
        hz /= float(ratio)
        return sosfilt(butter(order, hz, kind, fs=RATE, output="sos"), y) if hz < 0.48 * RATE else y

    if rng.random() < 0.5:
        y = passed(y, 2, "hp", rng.uniform(60, 330))
    draw = rng.random()
    if draw < 0.3:  # as telephones have it
        y = passed(y, 6, "lp", rng.uniform(3300, 3800))
    elif draw < 0.6:  # as resamplers do
        y = passed(y, 14, "lp", 3900)
    elif draw < 0.7:  # behind a door
        y = passed(y, 4, "lp", rng.uniform(1500, 3300))
    return lfilter([1, rng.uniform(-0.4, 0.4)], [1], y) if rng.random() < 0.3 else y


def noisy(x, noises, talkers, rng):
    """Return speech at 16 kHz in noise, recorded or made, or in the babble of many, of 0 to 25 dB SNR."""

    def stretch(sound):
        at = rng.integers(max(1, len(sound) - len(x)))
        part = sound[at : at + len(x)]
        return part if len(part) == len(x) else np.resize(part, len(x))

    draw = rng.random()
    if draw < 0.4 and len(noises):
        z = stretch(noises)
    elif draw < 0.55:
        z = sum(stretch(talkers[k]) for k in rng.integers(len(talkers), size=rng.integers(4, 12)))
    else:  # of one colour or two, and often of a level that changes
        z = lfilter([1], [1, -rng.uniform(0, 0.98)], rng.standard_normal(len(x)))
        if rng.random() < 0.5:
            low = rng.uniform(100, 3600)
            band = butter(2, [low, low * rng.uniform(1.2, 2)], "bp", fs=FULL, output="sos")
            z = z / z.std() + rng.uniform(0.3, 3) * sosfilt(band, rng.standard_normal(len(x)))
        if rng.random() < 0.5:
            knots = np.arange(0, len(x) + 4000, 4000)
            z *= np.exp(0.6 * np.interp(np.arange(len(x)), knots, rng.standard_normal(len(knots))))
    scale = np.sqrt(spoken_power(x) / (np.square(z).mean() + 1e-12))
    return x + z * scale * 10 ** (-rng.uniform(0, rng.choice([9, 25])) / 20)


def spoken_power(x):
    """Return the power of the frames within 16 dB of the loudest ones."""
    power = np.square(x[: len(x) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    return power[power > 0.0257 * np.percentile(power, 95)].mean() + 1e-12


def taken(y, rng):
    """Return the features of floats at 8 kHz, at any level, some of them clipped, in L16 or mu-law."""
    level = rng.uniform(-42, -2) if rng.random() < 0.95 else rng.uniform(-2, 10)
    scale = 32768 * 10 ** (level / 20) / np.sqrt(spoken_power(y))
    pcm = np.clip(np.round(y * scale), -32768, 32767).astype(np.int16)
    if rng.random() < 0.5:
        pcm = voiceband.ulaw_decode(voiceband.ulaw_encode(pcm))
    return features(pcm)[:FRAMES]


def mistaken(x, ratio):
    """Return sound at 16 kHz so that its samples, at `ratio` times 8 kHz, are taken for 8 kHz."""
    step = ratio * Fraction(RATE, FULL)
    return resample_poly(x, step.numerator, step.denominator)


def varied(x, which, high, noises, talkers, rng):
    """Return the features of a stretch of a talker at one of the ratios, once alone and twice in noise."""
    ratio = RATIOS[which]
    need = int(6.5 * FULL / ratio)
    at = rng.integers(0, max(1, len(x) - int(1.4 * need)))
    x, choice = x[at : at + int(1.4 * need)], rng.random()
    if choice < 0.3:  # a child, from a high voice; others a little
        child = which == 0 and high and rng.random() < 0.6
        x = shifted(x, rng.uniform(1.12, 1.35) if child else rng.uniform(0.92, 1.08))
    elif choice < 0.5:
        x = tempo(x, rng.uniform(0.75, 1.3) if which == 0 else rng.uniform(0.88, 1.15))
    elif choice < 0.55 and which == 0:
        x = whispered(x, rng)
    x = x[:need]
    if len(x) < 3 * FULL / ratio or np.square(x).mean() < 1e-8:
        return []
    rows, narrow = [], rng.random() < 0.5
    for y in (x, noisy(x, noises, talkers, rng), noisy(x, noises, talkers, rng)):
        heard = resample_poly(resample_poly(y, 1, 2), 2, 1) if narrow else y  # 8 kHz before its rate was mistaken
        rows.append(taken(channel(mistaken(heard, ratio), ratio, rng), rng))
    return rows


def tune(rng):
    """Return bells, organs, strings and drums at 8 kHz: partials of any ratio, in notes that come again or not."""
    n, note = int(5.6 * RATE), int(rng.choice([rng.uniform(0.06, 0.3), rng.uniform(0.2, 1)]) * RATE)
    t, steady, fade = np.arange(note) / RATE, rng.random() < 0.5, rng.uniform(0.2, 6)
    drums, harmonic = rng.choice([0, 0, 0.05, 0.3]), rng.random() < 0.5
    kinds = []
    for _ in range(rng.integers(1, 9)):
        root, many = np.exp(rng.uniform(np.log(70), np.log(1200))), rng.integers(1, 8)
        hz = root * (np.arange(1, many + 1) if harmonic else 1 + 12 * rng.random(many))
        gain = rng.random(many) * np.where(hz < 0.45 * RATE, 1, 0) / np.arange(1, many + 1) ** rng.uniform(0, 1.5)
        wave = gain @ np.sin(2 * np.pi * (hz[:, None] * t + rng.random((many, 1))))
        kinds.append(wave * np.exp(-fade * t / t[-1]) + drums * rng.standard_normal(note) * np.exp(-8 * t / t[-1]))
    order = np.arange(n // note + 1) % len(kinds) if steady else rng.integers(len(kinds), size=n // note + 1)
    y = np.concatenate([kinds[k] * rng.uniform(0.3, 1) ** rng.integers(2) for k in order])[:n]
    draw = rng.random()
    if draw < 0.2:  # after a noise
        y[: rng.integers(RATE, 2 * RATE)] = 0
        y += rng.uniform(0.01, 0.1) * rng.standard_normal(n) * (y == 0)
    elif draw < 0.5:
        y += 10 ** rng.uniform(-3, -1) * rng.standard_normal(n)
    return y


def pitch_of(x):
    """Return the median pitch, Hz."""
    frames = x[np.arange(1024) + 800 * np.arange((len(x) - 1024) // 800)[:, None]]
    power = np.square(frames).mean(axis=1)
    frames = frames[power > 0.02 * power.max()]
    r = np.fft.irfft(np.abs(np.fft.rfft(frames * np.hanning(1024), 2048, axis=1)), axis=1)
    return FULL / np.median(32 + r[:, 32:230].argmax(axis=1)) if len(frames) else 0.0


def read(folder):
    """Return the sound of a folder, as floats at 16 kHz."""
    parts = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            x, rate = soundfile.read(path, always_2d=True)
        except (soundfile.LibsndfileError, TypeError):
            continue
        if rate >= FULL:
            step = Fraction(FULL, rate)
            parts.append(resample_poly(x.mean(axis=1), step.numerator, step.denominator))
    return np.concatenate(parts) if parts else np.zeros(0)


def examples(folder, each, rng):
    """Return (source, which ratio, features) of all talkers, and of what is no voice."""
    noises = read(folder / "noise")
    names = [p for p in sorted((folder / "speech").iterdir()) if p.is_dir()]
    sounds = [read(p).astype(np.float32) for p in names]
    talkers = [x[: 20 * FULL] / (x.std() + 1e-6) for x in sounds if len(x) >= 5 * FULL]
    rows = []
    for path, x in zip(names, sounds, strict=True):
        if len(x) < 5 * FULL:
            continue
        high = pitch_of(x[: 20 * FULL]) > 165
        for k in range(round(each * min(1, len(x) / (60 * FULL)) / 7 + 0.5) * 7):
            which = k % len(RATIOS) if rng.random() < 0.85 else 0
            rows += [(path.name, which, row) for row in varied(x, which, high, noises, talkers, rng)]
    for kind in ("music", "noise"):  # right at any rate
        x = read(folder / kind)
        for at in range(0, len(x) - 14 * FULL, 6 * FULL):
            ratio = RATIOS[rng.integers(len(RATIOS))] if kind == "music" and rng.random() < 0.5 else Fraction(1)
            y = mistaken(x[at : at + int(6.5 * FULL / ratio)], ratio)
            if np.square(y).mean() >= 1e-8:
                rows.append((kind, 0, taken(channel(y, ratio, rng), rng)))
    rows = [row for row in rows if len(row[2]) >= 20]
    tunes = [("tunes", 0, taken(channel(tune(rng), Fraction(1), rng), rng)) for _ in range(len(rows) // 12)]
    return rows + [row for row in tunes if len(row[2]) >= 20]


# ---- the network


class Network:
    """Two layers over each frame, their mean and deviation over the frames, two layers over those; trained by Adam."""

    def __init__(self, inputs, rng):
        def layer(a, b, scale=1.0):
            return [(scale * np.sqrt(2 / a) * rng.standard_normal((a, b))).astype(np.float32), np.zeros(b, np.float32)]

        self.p = layer(inputs, FIRST) + layer(FIRST, HIDDEN) + layer(2 * HIDDEN, THIRD) + layer(THIRD, len(RATIOS), 0.3)
        self.m, self.v, self.t = [np.zeros_like(p) for p in self.p], [np.zeros_like(p) for p in self.p], 0

    def forward(self, batch, keep=None):
        """Return the probabilities, and what the way back needs."""
        w1, b1, w2, b2, w3, b3, w4, b4 = self.p
        x = np.vstack(batch).astype(np.float32)
        counts = np.array([len(rows) for rows in batch])
        owner = np.repeat(np.arange(len(batch)), counts)
        start = np.r_[0, np.cumsum(counts)[:-1]]
        one = np.maximum(x @ w1 + b1, 0)
        two = np.maximum(one @ w2 + b2, 0)
        n = counts[:, None].astype(np.float32)
        mean = np.add.reduceat(two, start) / n
        deviation = np.sqrt(np.maximum(np.add.reduceat(two * two, start) / n - mean * mean, 0) + 1e-3)
        pool = np.hstack([mean, deviation])
        pool = pool if keep is None else pool * keep
        three = np.maximum(pool @ w3 + b3, 0)
        out = three @ w4 + b4
        out = np.exp(out - out.max(axis=1, keepdims=True))
        return out / out.sum(axis=1, keepdims=True), (x, owner, n, one, two, mean, deviation, pool, three)

    def learn(self, batch, wanted, weight, rate, rng):
        """Take one step."""
        keep = (rng.random((len(batch), 2 * HIDDEN)) >= 0.1) / np.float32(0.9)
        out, (x, owner, n, one, two, mean, deviation, pool, three) = self.forward(batch, keep)
        w2, w3, w4 = self.p[2], self.p[4], self.p[6]
        d = out.copy()
        d[np.arange(len(batch)), wanted] -= 1
        d *= (weight / weight.sum())[:, None]
        d3 = (d @ w4.T) * (three > 0)
        dp = (d3 @ w3.T) * keep
        d2 = (dp[:, :HIDDEN] / n)[owner] + (dp[:, HIDDEN:] / (n * deviation))[owner] * (two - mean[owner])
        d2 *= two > 0
        d1 = (d2 @ w2.T) * (one > 0)
        slopes = [x.T @ d1, d1.sum(0), one.T @ d2, d2.sum(0), pool.T @ d3, d3.sum(0), three.T @ d, d.sum(0)]
        self.t += 1
        for p, g, m, v in zip(self.p, slopes, self.m, self.v, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            step = m / (1 - 0.9**self.t) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)
            p -= (rate * (step + (1e-4 * p if p.ndim == 2 else 0))).astype(np.float32)


def train(rows, epochs, hold, rng):
    """Return the network, and the scale of its inputs; tell on standard error how it does on the talkers in `hold`."""
    learned = [row for row in rows if row[0] not in hold]
    tried = [row for row in rows if row[0] in hold]
    some = np.vstack([x for _, _, x in learned[::7]])
    mean, scale = some.mean(axis=0), some.std(axis=0) + 1e-3
    data = [(which, (x - mean) / scale) for _, which, x in learned]
    weight = 1 / np.sqrt(np.maximum(np.bincount([w for w, _ in data], minlength=len(RATIOS)), 1))
    weight[0] *= 2
    net = Network(len(mean), rng)
    for epoch in range(epochs):
        rate = 2e-3 * min(1, 1.2 * (1 - epoch / epochs)) + 2e-5
        order = rng.permutation(len(data))
        for at in range(0, len(order), 64):
            part = [data[i] for i in order[at : at + 64]]
            batch = [x if rng.random() < 0.6 else x[rng.integers(0, len(x) // 3 + 1) :][:60] for _, x in part]
            wanted = np.array([which for which, _ in part])
            net.learn(batch, wanted, weight[wanted], rate, rng)
        if tried:
            out = np.vstack([net.forward([(x - mean) / scale])[0] for _, _, x in tried])
            which = np.array([w for _, w, _ in tried])
            right = [f"{(out[which == k].argmax(1) == k).mean():.2f}" for k in range(len(RATIOS)) if (which == k).any()]
            doubts = (out[which == 0][:, 0] < 0.01).mean()
            print(f"epoch {epoch}: right {' '.join(right)}, doubts of right ones {doubts:.4f}", file=sys.stderr)
    return net, mean, scale


def printed(net, mean, scale):
    """Return the network as a C header; the scale of the inputs is within the first layer."""
    w1, b1, *others = net.p
    layers = [w1 / scale[:, None], b1 - (mean / scale) @ w1, *others]

    def number(v):
        text = f"{float(np.float32(v)):.7g}"
        return text + ("f" if "." in text or "e" in text else ".0f")

    def row(values):
        return ", ".join(map(number, values))

    text = "/* Made by tools/train_sound_net.py. */\n#ifndef VB_SOUND_NET_H\n#define VB_SOUND_NET_H\n\nenum {"
    text += f"VB_SOUND_INPUTS = {len(mean)}, VB_SOUND_FIRST = {FIRST}, "
    text += f"VB_SOUND_THIRD = {THIRD}, VB_SOUND_RATES = {len(RATIOS)}}};\n\n"
    for k in range(4):
        w, b = layers[2 * k], layers[2 * k + 1]
        rows = "".join(f"    {{{row(r)}}},\n" for r in w)
        text += f"static const float vb_sound_weight_{k + 1}[{w.shape[0]}][{w.shape[1]}] = {{\n{rows}}};\n\n"
        text += f"static const float vb_sound_bias_{k + 1}[{len(b)}] = {{\n    {row(b)},\n}};\n\n"
    return text + "#endif\n"


def main():
    """Train, and print the header."""
    parser = argparse.ArgumentParser(description="Train the network of the sound guard.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with speech/TALKER/, music/ and noise/")
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--each", type=int, default=14, help="stretches of each talker, three examples each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hold", nargs="*", default=[], metavar="NAME", help="talkers to leave out of the training")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    rows = examples(asked.folder, asked.each, rng)
    print(printed(*train(rows, asked.epochs, set(asked.hold), rng)), end="")


if __name__ == "__main__":
    main()
