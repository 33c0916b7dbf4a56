"""The targets of fuzz/inputs.py on their seeds, which hold what the fuzzer has found, and on small changes of them."""

import importlib.util
import random
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("fuzz_inputs", Path(__file__).parents[2] / "fuzz" / "inputs.py")
inputs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(inputs)
pytestmark = pytest.mark.source_tree


def changed(data, rng):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        k = rng.randrange(len(data) + 1)
        n = rng.randrange(4)
        data[k : k + n] = rng.choice([rng.randbytes(n), rng.randbytes(1), b"", data[:20], b"\xff" * 8, b"\0" * 9])
    return bytes(data)


@pytest.mark.parametrize("name", inputs.TARGETS)
def test_any_input_is_read_or_refused(name, dose, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "FOLDER", tmp_path)
    target = inputs.TARGETS[name]
    rng = random.Random(name)
    for seed in inputs.SEEDS[target]:
        target(seed)
        for _ in range(dose(50, 10_000)):
            target(changed(seed, rng))
