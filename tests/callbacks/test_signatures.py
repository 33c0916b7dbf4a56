"""Signatures of requests and upgrades: vectors, the official package beside ours, odd headers, nonces."""

import random
import string
from urllib.parse import quote, quote_plus, urlencode

import msgspec
import plivo.utils as official
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers as WebsocketsHeaders

from _support.signatures import GOOD, NONCE, TOKEN, WS, signed
from voiceband.callbacks import (
    NonceCache,
    sign_v2,
    sign_v3,
    verify_upgrade,
    verify_v2,
    verify_v3,
)

VECTORS = [
    ("GET", WS, None, GOOD),
    ("GET", "http://voice.example.com:8443/ws/abc?token=t1", None, "7ji6cyrfFUkUoMFZvnfge3R9EAZiuyqBM3G5ZJlZ6Gg="),
    (
        "GET",
        "https://voice.example.com/cb?From=%2B14155551234&n=a+b&e=",
        None,
        "ePBSrjdLgUqGoprTdbt/dY7xu3ulGINOVmFjME2qcTE=",
    ),
    (
        "POST",
        "https://voice.example.com/plivo/stream-status",
        {
            "Event": "StartStream",
            "CallUUID": "7aea0680-1f8c-46c2-a04f-990e2e0d52eb",
            "StreamID": "26b95870-2b2f-45be-88dc-aedd0fcccec6",
        },
        "CweeOS0iYrSKv3g1TUIV48w7q1EazR+jjxkXbY0wb14=",
    ),
    (
        "POST",
        "https://voice.example.com/cb?z=9&a=1",
        {"b": "2", "A": "x"},
        "7KqweLBFDRuMhsk2JswfCzSFeJmuh4qvufEYaRUa9wE=",
    ),
    ("POST", "https://voice.example.com/cb?z=9&a=1", None, "OACPt5n80ixtiq3ObqDYmjhkT6lv2Udc6hY5EPlzO0Y="),
    ("POST", "https://voice.example.com/cb", {"k": ["b", "a"]}, "pn86wFyJQFE/iFpfEXqUEmEB+y0T8UuhjhIEQmJNWwU="),
    ("POST", "https://voice.example.com/cb", {"n": "é"}, "OqSviRE29RHXgZ/X2YLeNzVTNXWX4tv4dTWOyCB/K4Q="),
]


@pytest.mark.parametrize(("method", "url", "params", "signature"), VECTORS)
def test_vectors(method, url, params, signature):
    assert sign_v3(method, url, NONCE, TOKEN, params) == signature
    assert sign_v3(method.lower(), url, NONCE, TOKEN, params) == signature
    assert verify_v3(method, url, signed(signature), TOKEN, params)
    assert verify_v3(method.lower(), url, signed(signature), TOKEN, params)
    assert not verify_v3(method, url, signed(signature), TOKEN + "x", params)
    assert not verify_v3(method, url, signed(signature, NONCE + "1"), TOKEN, params)
    assert not verify_v3(method, url + "x", signed(signature), TOKEN, params)
    assert not verify_v3("PUT", url, signed(signature), TOKEN, params)
    if params:  # the body as it comes signs the same, and so do the frameworks' multi-dicts
        body = urlencode(params, doseq=True)
        for form in (body, body.encode(), list(msgspec.convert(params, dict).items())):
            assert verify_v3(method, url, signed(signature), TOKEN, form)
        assert not verify_v3(method, url, signed(signature), TOKEN, {**params, "more": "1"})
        assert not verify_v3(method, url, signed(signature), TOKEN)


def test_vectors_of_version_2():
    signature = "tJU4PX5pXsvhITslxKQhWO7WcSeGzHxyNPqnH3SiOrk="
    assert sign_v2("https://voice.example.com/cb?x=1", NONCE, TOKEN) == signature
    headers = signed(signature, name="X-Plivo-Signature-V2")
    assert verify_v2("https://voice.example.com/cb?x=1", headers, TOKEN)
    assert verify_v2("https://voice.example.com/cb?y=2", headers, TOKEN)  # the query is not covered
    assert not verify_v2("https://voice.example.com/other", headers, TOKEN)
    assert not verify_v2("https://voice.example.com/cb", signed(signature), TOKEN)
    assert sign_v2("https://answer.url", "12345", "my_auth_token") == "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="
    main = {"X-Plivo-Signature-Ma-V2": f"x, {signature}", "X-Plivo-Signature-V2-Nonce": NONCE}
    assert verify_v2("/cb", main, TOKEN, public_base_url="https://voice.example.com")


# Beside the official package ------------------------------------------------------------------------------------------

NAMES = string.ascii_letters + string.digits + "_-. "
ASCII = string.printable[:95]
UNICODE = "éßñ日本語кириллица😀\u0301"


def random_request(rng):
    def text(alphabet, longest):
        return "".join(rng.choice(alphabet) for _ in range(rng.randrange(longest + 1)))

    def value(alphabet):
        if rng.random() < 0.2:
            return [text(alphabet, 6) for _ in range(rng.randrange(1, 5))]
        return "" if rng.random() < 0.2 else text(alphabet, 12)

    method = rng.choice(["GET", "POST"])
    port = rng.choice(["", "", ":443", ":8080"])
    path = rng.choice(["", "/", f"/{text(NAMES.strip(), 10)}/b", "/a;p=1", "/a//b/"])
    url = f"{rng.choice(['http', 'https'])}://Voice{rng.randrange(9)}.example.com{port}{path}"
    # The package cannot take anything but ASCII in a query, percent-encoded or not.
    query = {text(NAMES, 5): value(ASCII) for _ in range(rng.choice([0, 0, 1, 2, 5]))}
    if query:
        url += "?" + urlencode(query, doseq=True, quote_via=rng.choice([quote_plus, quote]))
    if rng.random() < 0.1:
        url += "#fragment"
    params = {text(NAMES + UNICODE, 5): value(ASCII + UNICODE) for _ in range(rng.choice([0, 0, 1, 3, 8]))}
    if method == "POST" and rng.random() < 0.05:
        params["nested"] = {"b": "2", "a": ["y", "x"]}
    nonce, token = text(string.digits, 20) or "1", text(string.ascii_letters, 40) or "t"
    return method, url, nonce, token, params or rng.choice([None, {}])


def test_agreement_with_the_official_package_on_random_requests(dose):
    rng = random.Random(7)
    kinds = set()
    for _ in range(dose(1300, 100_000)):
        method, url, nonce, token, params = random_request(rng)
        signature = sign_v3(method, url, nonce, token, params)

        def theirs(signature, method=method, url=url, nonce=nonce, token=token, params=params):
            # A copy, for the package writes the query into the dict of a GET.
            return official.validate_v3_signature(method, url, nonce, token, signature, dict(params or {}))

        assert theirs(signature), (method, url, params)
        assert verify_v3(method, url, signed(signature, nonce), token, params)
        other = sign_v3(method, url, nonce + "0", token, params)
        assert not theirs(other)
        assert not verify_v3(method, url, signed(other, nonce), token, params)
        second = sign_v2(url, nonce, token)
        assert official.validate_signature(url, nonce, second, token)
        assert verify_v2(url, signed(second, nonce, "X-Plivo-Signature-V2"), token)
        lists = any(isinstance(v, list) for v in (params or {}).values())
        kinds.add((method, "?" in url, bool(params), lists, not str(params).isascii()))
    assert len(kinds) == 2 * 2 * (1 + 2 * 2)  # all that there are: without parameters there are neither lists nor more


@given(
    st.sampled_from(["GET", "POST"]),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=8)), max_size=6),
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=8)), max_size=6),
)
def test_a_body_and_its_pairs_sign_alike(method, query, form):
    utf8 = [(k, v) for k, v in form if (k + v).encode("utf-8", "ignore").decode() == k + v]
    query = [(k, v) for k, v in query if (k + v).encode("utf-8", "ignore").decode() == k + v]
    url = "https://e.com/cb" + ("?" + urlencode(query) if query else "")
    signature = sign_v3(method, url, NONCE, TOKEN, utf8)
    assert sign_v3(method, url, NONCE, TOKEN, urlencode(utf8)) == signature
    assert sign_v3(method, url, NONCE, TOKEN, urlencode(utf8).encode()) == signature
    assert sign_v3(method, url, NONCE, TOKEN, list(reversed(utf8))) == signature
    assert verify_v3(method, url, signed(signature), TOKEN, iter(utf8))


def test_a_query_beyond_ascii_is_signed_decoded():
    expected = sign_v3("GET", "https://e.com/", NONCE, TOKEN, {"n": "é"})
    assert sign_v3("GET", "https://e.com/?n=%C3%A9", NONCE, TOKEN) == expected
    try:  # the official package cannot: with older Pythons it raises, with newer ones it takes the bytes for Latin-1
        agreed = official.validate_v3_signature("GET", "https://e.com/?n=%C3%A9", NONCE, TOKEN, expected)
    except UnicodeError:
        agreed = False
    assert not agreed


def test_nothing_is_written_into_the_callers_parameters():
    params = {"a": ["2", "1"]}
    sign_v3("GET", "https://e.com/?b=1", NONCE, TOKEN, params)
    assert params == {"a": ["2", "1"]}


class StarletteForm(dict):
    """What Starlette and httpx offer."""

    def multi_items(self):
        return [("k", "b"), ("k", "a")]


class AiohttpForm(dict):
    def getall(self, name):
        return ["b", "a"]


class DjangoForm(dict):
    def getlist(self, name):
        return ["b", "a"]


@pytest.mark.parametrize(
    "form", [StarletteForm(k="a"), AiohttpForm(k="b"), DjangoForm(k="a"), [("k", "b"), ("k", "a")]]
)
def test_multi_dicts_lose_no_value(form):
    assert verify_v3("POST", "https://voice.example.com/cb", signed(VECTORS[6][3]), TOKEN, form)


# Headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"x-plivo-signature-v3": GOOD, "X-PLIVO-SIGNATURE-V3-NONCE": NONCE},
        {"X-Plivo-Signature-V3": f"AAAA, {GOOD} ,BBBB", "X-Plivo-Signature-V3-Nonce": f" {NONCE} "},
        {"X-Plivo-Signature-V3": f"AAAA,{GOOD}", "X-Plivo-Signature-V3-Nonce": NONCE},
        {"X-Plivo-Signature-Ma-V3": GOOD, "X-Plivo-Signature-V3-Nonce": NONCE},
        {"X-Plivo-Signature-V3": "AAAA", "X-Plivo-Signature-Ma-V3": GOOD, "X-Plivo-Signature-V3-Nonce": NONCE},
        [(b"x-plivo-signature-v3", GOOD.encode()), (b"x-plivo-signature-v3-nonce", NONCE.encode()), (b"host", b"\xff")],
        [("X-Plivo-Signature-V3", "AAAA"), ("X-Plivo-Signature-V3", GOOD), ("X-Plivo-Signature-V3-Nonce", NONCE)],
        WebsocketsHeaders([("X-Plivo-Signature-V3", "A"), *signed(GOOD).items()]),
        {"HTTP_X_PLIVO_SIGNATURE_V3": GOOD, "HTTP_X_PLIVO_SIGNATURE_V3_NONCE": NONCE, "wsgi.input": object()},
        [None, 5, ("a",), ("Cookie", None), *signed(GOOD).items()],
    ],
)
def test_headers_of_every_kind(headers):
    assert verify_v3("GET", WS, headers, TOKEN)
    assert verify_upgrade("wss://voice.example.com/ws/abc", headers, TOKEN)
    assert not verify_upgrade("wss://voice.example.com/ws/abd", headers, TOKEN)


class Broken:
    def items(self):
        raise KeyError("broken")


@pytest.mark.parametrize(
    "headers",
    [
        None, {}, [], "X-Plivo-Signature-V3", 5, Broken(), [(1, 2, 3)], {"X-Plivo-Signature-V3": GOOD},
        {"X-Plivo-Signature-V3-Nonce": NONCE}, signed(""), signed(GOOD, ""), signed(None), signed(GOOD, None),
        signed(["x"]), signed(5), signed("\udcff"), signed(GOOD, "\udcff"), signed("é" + GOOD), signed(b"\xff"),
        signed("," * 1000), signed("x" * 10**6 + "," + GOOD), signed(GOOD[:-1]), signed(GOOD + "="),
        [*signed(GOOD).items(), ("X-Plivo-Signature-V3-Nonce", "another")],
    ],
)  # fmt: skip
def test_odd_headers_are_false(headers):
    assert verify_v3("GET", WS, headers, TOKEN) is False
    assert verify_v2(WS, headers, TOKEN) is False
    assert verify_upgrade(WS, headers, TOKEN) is False


@given(
    st.one_of(st.none(), st.text(), st.binary(), st.dictionaries(st.text(), st.text() | st.binary() | st.none())),
    st.text(),
    st.text(),
    st.none() | st.text() | st.binary() | st.lists(st.integers()) | st.dictionaries(st.text(), st.lists(st.text())),
)
def test_no_request_raises(headers, method, url, params):
    assert verify_v3(method, url, headers, TOKEN, params) is False
    assert verify_v3("POST", url, signed(GOOD), TOKEN, params) is False
    assert verify_v2(url, signed(GOOD, name="X-Plivo-Signature-V2"), TOKEN) is False
    assert verify_upgrade(url, headers, TOKEN) is False
    assert verify_upgrade(url, signed(GOOD), TOKEN, public_base_url="https://e.com") is False


@pytest.mark.parametrize(
    "url", ["http://[::1", "ftp://e.com", "/ws/abc", "", None, 5, b"http://e.com", "http://", "http://e.com:x/"]
)
def test_odd_urls_are_false(url):
    assert verify_v3("GET", url, signed(GOOD), TOKEN) is False
    assert verify_upgrade(url, signed(GOOD), TOKEN) is False


def test_mistakes_of_the_configuration_are_errors():
    for token in ("", None, [], ["t", ""], b"token", 5, ["t", b"t"]):
        error = ValueError if token in ("", None, [], ["t", ""]) else TypeError
        with pytest.raises(error, match="auth_token"):
            verify_v3("GET", WS, {}, token)
        with pytest.raises(error, match="auth_token"):
            verify_upgrade(WS, {}, token)
    for base in ("voice.example.com", "https://", "ftp://e.com", "https://e.com/?a=1", 5, ""):
        with pytest.raises(ValueError if isinstance(base, str) else TypeError, match="public_base_url"):
            verify_upgrade("/ws", {}, TOKEN, public_base_url=base)
    for schemes in ("http", (), ("ftp",)):
        with pytest.raises(TypeError if isinstance(schemes, str) else ValueError, match="schemes"):
            verify_upgrade(WS, {}, TOKEN, schemes=schemes)
    with pytest.raises(ValueError, match="method must be GET or POST, not 'PUT'"):
        sign_v3("PUT", WS, NONCE, TOKEN)
    with pytest.raises(ValueError, match="url must start"):
        sign_v3("GET", "/ws", NONCE, TOKEN)
    with pytest.raises(ValueError, match="auth_token"):
        sign_v3("GET", WS, NONCE, "")
    with pytest.raises(TypeError, match="nonce"):
        sign_v3("GET", WS, 5, TOKEN)
    with pytest.raises(TypeError, match="nonce"):
        sign_v2(WS, None, TOKEN)
    with pytest.raises(TypeError, match="url"):
        sign_v3("GET", None, NONCE, TOKEN)


def test_any_of_several_tokens():
    assert verify_v3("GET", WS, signed(GOOD), ["old", TOKEN])
    assert verify_v3("GET", WS, signed(GOOD), iter([TOKEN, "new"]))
    assert not verify_v3("GET", WS, signed(GOOD), ["old", "new"])


# Upgrades -------------------------------------------------------------------------------------------------------------


def test_an_upgrade_is_signed_with_http_first():
    def headers(scheme):
        return signed(sign_v3("GET", f"{scheme}://voice.example.com:8443/ws?token=t1&b=%20", NONCE, TOKEN))

    for dialled in ("wss", "ws", "https", "http"):
        url = f"{dialled}://voice.example.com:8443/ws?token=t1&b=%20"
        assert verify_upgrade(url, headers("http"), TOKEN, schemes=("http",))
        assert not verify_upgrade(url, headers("https"), TOKEN, schemes=("http",))
        assert verify_upgrade(url, headers("https"), TOKEN, schemes=("http", "https"))
        assert not verify_upgrade(url, headers("wss"), TOKEN, schemes=("http", "https"))
        for scheme in ("http", "wss"):
            assert verify_upgrade(url, headers(scheme), TOKEN)
        for scheme in ("https", "ws"):
            assert not verify_upgrade(url, headers(scheme), TOKEN)
    for wrong in ("wss://voice.example.com/ws?token=t1&b=%20", "wss://voice.example.com:8443/ws?token=t2&b=%20"):
        assert not verify_upgrade(wrong, headers("http"), TOKEN)


@pytest.mark.parametrize("base", ["https://voice.example.com", "wss://voice.example.com/", "http://voice.example.com"])
@pytest.mark.parametrize(
    "seen",
    ["/ws/abc", "ws/abc", "ws://10.0.0.7:8080/ws/abc", "wss://evil.example.com/ws/abc", "http://127.0.0.1/ws/abc"],
)
def test_behind_a_proxy_the_configured_base_counts(base, seen):
    assert verify_upgrade(seen, signed(GOOD), TOKEN, public_base_url=base)
    assert not verify_upgrade(seen + "/more", signed(GOOD), TOKEN, public_base_url="https://other.example.com")


def test_the_base_may_have_a_path_and_serves_callbacks_too():
    url = "https://voice.example.com/plivo/cb?to=http://x/y"
    headers = signed(sign_v3("POST", url, NONCE, TOKEN, "a=1"))
    for seen in ("/cb?to=http://x/y", "http://10.0.0.7:8000/cb?to=http://x/y"):
        assert verify_v3("POST", seen, headers, TOKEN, "a=1", public_base_url="https://voice.example.com/plivo/")
    headers = signed(sign_v3("GET", "http://voice.example.com/to/http://x/y", NONCE, TOKEN))
    assert verify_upgrade("/to/http://x/y", headers, TOKEN, public_base_url="wss://voice.example.com")
    headers = signed(sign_v3("GET", "http://voice.example.com?a=1", NONCE, TOKEN))
    assert verify_upgrade("ws://10.0.0.7?a=1", headers, TOKEN, public_base_url="wss://voice.example.com")
    assert verify_upgrade("wss://voice.example.com?a=1", headers, TOKEN)


def test_a_form_of_too_many_fields_is_false():
    big = "&".join(f"a{i}=1" for i in range(1001))
    assert verify_v3("POST", WS, signed(GOOD), TOKEN, big) is False


@pytest.mark.parametrize("path", ["/ws;a=b", "/ws#x", "/ws#x?a=1"])
def test_what_is_not_signed_is_not_let_in(path):
    headers = signed(sign_v3("GET", "http://voice.example.com/ws", NONCE, TOKEN))
    assert verify_upgrade("/ws", headers, TOKEN, public_base_url="wss://voice.example.com")
    assert not verify_upgrade(path, headers, TOKEN, public_base_url="wss://voice.example.com")
    assert not verify_upgrade(f"wss://voice.example.com{path}", headers, TOKEN)


def test_the_signature_of_a_callback_by_get_opens_no_socket():
    headers = signed(sign_v3("GET", "https://voice.example.com/ws", NONCE, TOKEN))
    assert verify_v3("GET", "https://voice.example.com/ws", headers, TOKEN)
    assert not verify_upgrade("wss://voice.example.com/ws", headers, TOKEN)
    assert verify_upgrade("wss://voice.example.com/ws", headers, TOKEN, schemes=("http", "https"))


def moved(url, text, nonce):
    """The same request with the last characters of what is signed given out as its nonce, or the other way round."""
    for n in range(1, len(text)):
        yield url + text[:-n], text[-n:] + nonce
    for n in range(1, len(nonce)):
        yield url + text + nonce[:n], nonce[n:]


def test_a_recorded_request_is_no_other_one():
    """Only digits lie between what is signed and its nonce, or a point that an URL may have as well."""
    signature = sign_v3("GET", "http://voice.example.com/ws?user=1.5", NONCE, TOKEN)
    for nonces in (None, NonceCache()):
        assert verify_upgrade("wss://voice.example.com/ws?user=1.5", signed(signature), TOKEN, nonces=nonces)
        for url, nonce in moved("wss://voice.example.com/ws?user=1", ".5", NONCE):
            assert not verify_upgrade(url, signed(signature, nonce=nonce), TOKEN, nonces=nonces)
    nonces, url = NonceCache(), "https://voice.example.com"
    signature = sign_v2(url + "/answer", NONCE, TOKEN)
    headers = {"X-Plivo-Signature-V2": signature, "X-Plivo-Signature-V2-Nonce": NONCE}
    assert verify_v2(url + "/answer", headers, TOKEN, nonces=nonces)
    for other, nonce in moved(url, "/answer", NONCE):
        assert not verify_v2(other, headers | {"X-Plivo-Signature-V2-Nonce": nonce}, TOKEN, nonces=nonces)
