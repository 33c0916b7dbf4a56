"""Cases for a bench, where the processes of its passes can import them."""

from voiceband.bench.cases import Case


def two_cases():
    others = {"no one": None, "map": lambda: sum(map(int, range(100)))}
    yield Case("sums", "a sum", lambda: sum(range(100)), others=others)
    yield Case("sums", "many sums", lambda: sum(range(1000)), frames=10)


def broken_cases():
    yield Case("g", "a", lambda: 1 / 0)
