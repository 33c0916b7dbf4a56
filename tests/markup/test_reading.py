"""Documents that are read back: as we write them, as people do, and as nobody should."""

import contextlib
import copy
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _support.elements import L16, URL, stream_arguments, xml_text
from voiceband.formats import PLIVO_L16_8K, PLIVO_MULAW_8K
from voiceband.markup import Element, Hangup, Response, Speak, Stream, Wait


def test_elements_are_values():
    response = Response(Stream(URL, extra_headers={"card": "4111"}), Wait(3))
    assert pickle.loads(pickle.dumps(response)) == response == copy.deepcopy(response)
    assert hash(response) == hash(Response.from_xml(response.to_xml()))
    assert Wait(3) != Wait(4)
    assert Wait(1) != Hangup()
    assert "4111" not in repr(response)
    assert [type(element) for element in response] == [Stream, Wait]
    with pytest.raises(AttributeError):
        response.elements[0].url = "wss://elsewhere.example.com"


@given(stream_arguments(), st.none() | st.integers(60, 100), xml_text, xml_text)
def test_what_is_written_is_read(arguments, level, text, voice):
    if level is not None:
        arguments |= {"noise_cancellation": True, "noise_cancellation_level": level}
    response = Response(Stream(URL, **arguments), Speak(text, voice=voice))
    for pretty in (False, True):
        assert Response.from_xml(response.to_xml(pretty=pretty)) == response
        assert Response.from_xml(response.to_xml(pretty=pretty).encode()) == response
    tree = ET.fromstring(response.to_xml())
    assert tree[0].attrib == response.elements[0].attributes
    assert tree[1].attrib["voice"] == voice
    assert tree[1].text == text.strip()


def test_documents_as_people_write_them():
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
    <!-- an answer -->
    <Response>
        <Speak><![CDATA[a < b]]> &amp; c&#33;</Speak>
        <Stream bidirectional="TRUE" contentType='audio/X-MULAW;rate=8000' streamTimeout=" 60 ">
            {URL}
        </Stream>
    </Response>
    """
    response = Response(
        Speak("a < b & c!"), Stream(URL, bidirectional=True, stream_timeout=60, content_type=PLIVO_MULAW_8K)
    )
    assert Response.from_xml(text.strip()) == response
    assert Response.from_xml(text.strip().replace("UTF-8", "UTF-16").encode("utf-16")) == response
    assert Response.from_xml(bytearray(response.to_xml().encode("utf-8-sig"))) == response


def test_without_content_type_there_is_a_warning():
    with pytest.warns(UserWarning, match="without contentType"):
        (stream,) = Response.from_xml(f"<Response><Stream>{URL}</Stream></Response>")
    assert stream.content_type == PLIVO_L16_8K


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{i} "{("&lol" + str(i - 1 or "") + ";") * 10}">' for i in range(1, 10))
    + "]><Response><Speak>&lol9;</Speak></Response>"
)


@pytest.mark.parametrize(
    "document",
    [
        BILLION_LAUGHS,
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response><Speak>&x;</Speak></Response>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "http://169.254.169.254/">]><Response><Speak>&x;</Speak></Response>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://e.com/x.dtd"> %p;]><Response/>',
        "<!DOCTYPE r [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]><Response><Speak>&b;</Speak></Response>",
        '<!DOCTYPE Response SYSTEM "http://e.com/x.dtd"><Response/>',
        '<!DOCTYPE Response PUBLIC "-//x" "http://e.com/x.dtd"><Response/>',
        "<!DOCTYPE Response><Response/>",
        '<!DOCTYPE r [<!ATTLIST Wait length CDATA "9">]><Response><Wait/></Response>',
    ],
)
def test_document_types_and_entities_are_refused(document):
    for form in (document, document.encode(), document.replace('<?xml version="1.0"?>', "").encode("utf-16")):
        with pytest.raises(ValueError, match="document types and entities are refused"):
            Response.from_xml(form)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "no element"),
        ("   ", "no element"),
        ("hello", "not well-formed"),
        ("<Response>", "no element|not well-formed"),
        ("<Response/><Response/>", "not well-formed"),
        ("<Response><Speak>&unknown;</Speak></Response>", "not well-formed"),
        ("<Response><Wait length='1' length='2'/></Response>", "not well-formed"),
        ("<response/>", "<response>"),
        ("<Response a='1'/>", "attributes"),
        ("<Response>hello</Response>", "hello"),
        ("<Response>\n<Dial/></Response>", "line 2: <Dial>"),
        ("<Response><Wait>5</Wait></Response>", "'5'"),
        ("<Response><Speak>a<break/></Speak></Response>", "<break>"),
        ("<Response><Speak/></Response>", "line 1: <Speak>: text"),
        ("<Response>\n\n<Wait length='x'/></Response>", "line 3: <Wait>: length .*'x'"),
        ("<Response><Wait beep='yes'/></Response>", "beep .*'yes'"),
        ("<Response><Wait minsilence='5'/></Response>", "unknown attribute minsilence='5'"),
        (f"<Response><Stream contenttype='x' {L16}>{URL}</Stream></Response>", "unknown attribute contenttype"),
        (f"<Response><Stream {L16} streamTimeout='0'>{URL}</Stream></Response>", "streamTimeout.*0"),
        (f"<Response><Stream {L16}>https://e.com</Stream></Response>", "https://e.com"),
        (f"<Response><Stream {L16}/></Response>", "url must"),
        (b"\xff\xfe\x00", "not well-formed|no element"),
        (b"<Response>\xff</Response>", "not well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><Response/>', "encoding"),
        (b'<?xml version="1.0" encoding="shift_jis"?><Response/>', "encoding"),
        ("<Response>\x00</Response>", "not well-formed"),
        ("<Response>\ud800</Response>", "not well-formed"),
        ("<a>" * 50_000, "<a>"),
        (" " * (256 * 1024 + 1), "at most"),
    ],
)
def test_documents_that_are_none(document, reason):
    with pytest.raises(ValueError, match=reason):
        Response.from_xml(document)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: f"<Response>{t}</Response>"))
def test_anything_else_is_a_value_error(document):
    with contextlib.suppress(ValueError):
        assert isinstance(Response.from_xml(document), Response)


def test_only_text_is_read():
    with pytest.raises(TypeError, match="NoneType"):
        Response.from_xml(None)
    assert issubclass(Stream, Element)


def test_markup_and_callbacks_need_the_base_install_only():
    code = """
import sys

class Refuse:
    def find_spec(self, name, *_):
        top = name.partition(".")[0]
        if top not in {"voiceband", "numpy", "msgspec"} | sys.stdlib_module_names:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
import voiceband.markup, voiceband.callbacks
"""
    subprocess.run([sys.executable, "-c", code], check=True)
