"""What is asked for wrongly ends with one line and exit code 2, and leaves nothing behind."""

import numpy as np
import pytest
import soundfile

from _support.commands import voiceband

SUFFIXES = (
    ".wav, .flac, .mp3, .ogg, .opus, .ulaw, .ul, .mu, .mulaw, .pcmu, .alaw, .al, .pcma, .sln, .slin, .l16, .sln16"
)
ENCODINGS = "encoding must be one of audio/x-l16, audio/x-mulaw, audio/x-alaw or an alias, not"
WRONG = [
    ("cal", ": there is no command cal; did you mean call?"),
    ("frobnicate", ": there is no command frobnicate; see voiceband --help"),
    ("--versoin", ": there is no option --versoin; did you mean --version?"),
    ("--cell demo", ": there is no option --cell; see voiceband --help"),
    ("--completion", ": --completion must be followed by one of bash, zsh, fish, not ''"),
    ("--completion tcsh", ": --completion must be followed by one of bash, zsh, fish, not 'tcsh'"),
    ("batch in", " batch: TARGET must be given; see voiceband batch --help"),
    ("batch none out", " batch: none is not there: it must be a folder"),
    ("batch in.wav out", " batch: in.wav is a file: it must be a folder"),
    ("batch in in", " batch: input and output are the same folder"),
    ("batch in/deep in", " batch: the input folder must not lie in the output folder"),
    ("batch in out --quality best", " batch: --quality must be one of voice, wide, fast, not 'best'"),
    ("batch in out --channel 0", " batch: --channel must be at least 1, not 0"),
    ("batch in out --workers all", " batch: --workers must be a whole number, not 'all'"),
    ("batch in out --denoise 20", " batch: --denoise must be from 60 to 100, not 20"),
    ("batch in out --normalise 3", " batch: --normalise must be from -60 to -6, not 3"),
    ("batch in out --mix --split", " batch: --channel, --mix and --split exclude each other: give one of them"),
    ("batch in out --to xyz", f" batch: suffix must be one of {SUFFIXES}, not '.xyz'"),
    (
        "batch in out --rate 15999",
        " batch: rate 15999 Hz cannot be made of any usual one (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, "
        "48000, 96000 Hz): choose one of these",
    ),
    (
        "batch in out --format opus",
        f" batch: --format opus: {ENCODINGS} 'opus'",
    ),
    ("batch in out --list-errors no/x", " batch: --list-errors no/x: there is no folder no"),
    ("bench --quik", " bench: there is no option --quik; did you mean --quick?"),
    ("bench now", " bench: 'now' is one argument too many; see voiceband bench --help"),
    ("bench --compare", " bench: --compare must be followed by a value; see voiceband bench --help"),
    ("bench --compare none.json", " bench: none.json: No such file or directory"),
    ("call", " call: URL must be given; see voiceband call --help"),
    ("call ws://a/ --snr loud", " call: --snr must be a number, not 'loud'"),
    ("call ws://a/ --snr nan", " call: --snr must be a number, not nan"),
    ("call ws://a/ --seed 1.5", " call: --seed must be a whole number, not '1.5'"),
    ("call ws://a/ --snrr 3", " call: there is no option --snrr; did you mean --snr?"),
    ("call ws://a/ ws://b/", " call: 'ws://b/' is one argument too many; see voiceband call --help"),
    ("call ws://a/ --say none.wav", " call: none.wav: cannot read: No such file or directory"),
    ("convert", " convert: INPUT, OUTPUT must be given; see voiceband convert --help"),
    ("convert in.wav", " convert: OUTPUT must be given; see voiceband convert --help"),
    (
        "convert in.wav -- x.wav --rate",
        " convert: '--rate' behind -- is one argument too many; see voiceband convert --help",
    ),
    ("convert in.wav out", f" convert: out: a name without suffix cannot be written; choose one of {SUFFIXES}"),
    ("convert in.wav out.xyz", f" convert: out.xyz: .xyz cannot be written; choose one of {SUFFIXES}"),
    ("convert in.wav out.wav --to xyz", f" convert: --to xyz cannot be written; choose one of {SUFFIXES}"),
    ("convert none.wav out.wav", " convert: none.wav: cannot read: No such file or directory"),
    ("convert in out.wav", " convert: in: it is a folder"),
    ("convert in.wav in.wav", " convert: in.wav is INPUT itself; name another file"),
    ("convert in.wav no/out.wav", " convert: no/out.wav: there is no folder no"),
    ("convert in.wav in/x.flac --encoding float", " convert: --encoding float: .flac holds pcm16 or pcm24"),
    ("convert in.wav x.mp3 --encoding ulaw", " convert: --encoding ulaw: .mp3 has an encoding of its own"),
    (
        "convert in.wav x.wav --encoding opus",
        " convert: --encoding must be one of pcm16, pcm24, float, ulaw, alaw, not 'opus'",
    ),
    (
        "convert in.wav x.opus --rate 44100",
        " convert: in.wav: .opus cannot hold 44100 Hz: choose one of 8000, 12000, 16000, 24000, 48000 with --rate",
    ),
    (
        "convert in.wav x.mp3 --rate 96000",
        " convert: in.wav: .mp3 cannot hold 96000 Hz: choose one of 8000, 11025, 12000, 16000, 22050, 24000, 32000, "
        "44100, 48000 with --rate",
    ),
    (
        "convert call.pcm x.wav --format audio/x-l16;rate=8000;channels=2",
        " convert: --format audio/x-l16;rate=8000;channels=2: only a rate can follow the name: raw audio has one "
        "channel, and L16 is little-endian",
    ),
    ("convert in.wav x.wav --rate 17", " convert: in.wav: rate must be from 4000 to 192000 Hz, not 17"),
    ("convert in.wav x.ulaw", " convert: in.wav: raw .ulaw holds one channel, and there are 2"),
    (
        "convert in.wav x.wav --format pcmu",
        " convert: in.wav: the file is WAV, not raw audio: leave its format out",
    ),
    (
        "convert call.pcm x.wav --format mulaw;rate=8000 --from-rate 8000",
        " convert: --format and --from-rate exclude each other: --format names the rate too",
    ),
    (
        "convert in.wav x.wav --from-rate 16000",
        " convert: in.wav: the file is WAV, which states its rate: leave --from-rate out",
    ),
    ("denoise in.wav - --json", " denoise: --json and OUTPUT - exclude each other: both go to standard output"),
    (
        "report call.pcm --format gsm",
        f" report: --format gsm: {ENCODINGS} 'gsm'",
    ),
    (
        "convert call.pcm x.wav",
        " convert: call.pcm: .pcm does not say what it holds: name its format with --format, as "
        "audio/x-mulaw;rate=8000",
    ),
    ("demo --url", " demo: --url must be followed by a value; see voiceband demo --help"),
    ("demo --url ftp://a/", " demo: the address must begin with ws://, wss://, http:// or https://, not be 'ftp://a/'"),
    ("denoise in.wav", " denoise: OUTPUT must be given; see voiceband denoise --help"),
    ("denoise in.wav out.wav --level 50", " denoise: --level must be from 60 to 100, not 50"),
    ("denoise in.wav out.wav --level nan", " denoise: --level must be from 60 to 100, not nan"),
    ("denoise in.wav out.wav --plot x.bmp", " denoise: --plot x.bmp: choose one of .png, .svg, .pdf"),
    ("denoise in.wav out.wav --plot no/x.png", " denoise: --plot no/x.png: there is no folder no"),
    ("load", " load: URL must be given; see voiceband load --help"),
    ("load ws://a/ --calls many", " load: --calls must be a whole number, not 'many'"),
    ("report", " report: SOURCE must be given; see voiceband report --help"),
    ("report none", " report: no such file or folder: none"),
    ("report in.wav -o page.txt", " report: cannot write page.txt: its name must end in .html"),
    ("report in.wav -o no/page.html", " report: cannot write no/page.html: there is no folder no"),
    ("serve", " serve: AGENT must be given; see voiceband serve --help"),
    ("serve a.py:b --port 70000", " serve: --port must be from 0 to 65535, not 70000"),
    ("serve a.py:b --workers 0", " serve: --workers must be from 1 to 256, not 0"),
    ("serve a.py:b --grace -1", " serve: --grace must be at least 0, not -1"),
]


@pytest.mark.parametrize(("line", "said"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_invocations_end_with_one_line_and_2(line, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLIVO_AUTH_TOKEN", raising=False)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    soundfile.write("in.wav", np.ones((800, 2), np.int16), 8000)
    soundfile.write("in/call.wav", np.ones(800, np.int16), 8000)
    (tmp_path / "call.pcm").write_bytes(b"\xff\x7e")
    before = sorted(tmp_path.rglob("*"))
    result = voiceband(*line.split())
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"voiceband{said}\n")
    assert sorted(tmp_path.rglob("*")) == before
