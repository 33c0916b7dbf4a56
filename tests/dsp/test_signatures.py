"""Names and defaults of every public class are readable: for help(), for IPython, and as the stubs have them."""

import ast
import inspect
from pathlib import Path

import pytest

from voiceband.dsp import conceal, denoise, echo, jitter, resample, runs, sound, timeline, tones

CLASSES = [
    conceal.Concealer,
    denoise.Denoiser,
    echo.EchoGuard,
    jitter.JitterBuffer,
    resample.Resampler,
    runs.Pulled,
    runs.Run,
    sound.SoundGuard,
    timeline.Segment,
    timeline.Timeline,
    tones.ToneDetector,
]


def stubbed(cls):
    """Return the names and defaults of a class's constructor in the stub of its module."""
    module = inspect.getmodule(cls)
    tree = ast.parse(Path(module.__file__).parent.joinpath(f"{module.__name__.split('.')[-1]}.pyi").read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__).body
    made = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name in ("__new__", "__init__"))
    plain, keyword = made.args.args[1:], made.args.kwonlyargs
    defaults = [None] * (len(plain) - len(made.args.defaults)) + made.args.defaults + made.args.kw_defaults
    return [(a.arg, d and ast.literal_eval(d)) for a, d in zip([*plain, *keyword], defaults, strict=True)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_class_tells_its_names_and_defaults(cls):
    parameters = inspect.signature(cls).parameters.values()
    told = [(p.name, None if p.default is inspect.Parameter.empty else p.default) for p in parameters]
    assert told == stubbed(cls)
    assert not inspect.getdoc(cls).startswith(cls.__name__)


def test_everything_that_is_callable_has_a_signature():
    for module in (conceal, denoise, echo, jitter, resample, sound, timeline, tones):
        for cls in (value for value in vars(module).values() if value in CLASSES):
            for name, member in vars(cls).items():
                if callable(member) and not name.startswith("_"):
                    assert inspect.signature(member), name
    assert list(inspect.signature(denoise.denoise).parameters) == ["x", "rate", "level", "latency"]
