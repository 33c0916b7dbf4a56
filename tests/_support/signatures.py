"""A request that is signed: by whom, with what, and the headers that say so."""

TOKEN = "MzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw0"
NONCE = "12345678901234567890"
WS = "http://voice.example.com/ws/abc"
GOOD = "U1rsJ+RWH3lQvv3tIt/Eu+mLfVnVaSGpb55UWXQvD8k="
"""The signature of a GET of `WS`."""


def signed(signature, nonce=NONCE, name="X-Plivo-Signature-V3"):
    version = name[-2:]
    return {name: signature, f"X-Plivo-Signature-{version}-Nonce": nonce}


def add_all(nonces, results):
    """Tell which of 300 nonces were new: in a process of its own, which finds this module by the path of its parent."""
    results.put([nonce for nonce in map(str, range(300)) if nonces.add(nonce)])
