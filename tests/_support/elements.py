"""Elements of answers: addresses, attributes and texts that any of them may have."""

import string

from hypothesis import assume
from hypothesis import strategies as st

from voiceband.formats import PLIVO_FORMATS

URL = "wss://agent.example.com/ws"
L16 = 'contentType="audio/x-l16;rate=16000"'
# What XML can hold. The package's own serialiser mistakes a literal <cont>, but the text's is escaped.
xml_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1
).filter(str.strip)
path = st.text(string.ascii_letters + string.digits + "-._~/?&=%+é", max_size=30)
pairs = st.dictionaries(
    st.text(string.ascii_letters + string.digits, min_size=1, max_size=8),
    st.text(string.ascii_letters + string.digits, max_size=8),
    min_size=1,
    max_size=8,
)


@st.composite
def stream_arguments(draw):
    """Draw explicit attributes that both packages can express, with their names here."""
    arguments = draw(
        st.fixed_dictionaries(
            {"content_type": st.sampled_from(PLIVO_FORMATS).map(str)},
            optional={
                "bidirectional": st.booleans(),
                "audio_track": st.sampled_from(["inbound", "outbound", "both"]),
                "stream_timeout": st.integers(1, 10**6),
                "status_callback_url": path.map(lambda p: f"https://e.com/{p}"),
                "status_callback_method": st.sampled_from(["GET", "POST"]),
                "extra_headers": pairs,
                "keep_call_alive": st.booleans(),
            },
        )
    )
    if arguments.get("bidirectional"):
        assume(arguments.get("audio_track", "inbound") == "inbound")
    return arguments
