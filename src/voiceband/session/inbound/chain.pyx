# cython: freethreading_compatible=True, auto_pickle=False
"""The usual message of a call in one go: its text -> the caller's samples at the agent's rate.

The stages are those of `Timeline` and `Resampler`, on their very state. What is out of the ordinary, in the text or in
the audio, is declined before anything has changed, and goes the general way, stage by stage.
"""

cimport numpy as cnp
from libc.math cimport isfinite
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int64_t, uint8_t
from libc.string cimport memcmp, memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.object cimport PyObject_Size
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_GET_LENGTH

from voiceband.dsp._shared.buffer cimport little_endian
from voiceband.dsp._shared.prefetch cimport VB_CACHE_LINE, vb_prefetch
from voiceband.dsp.base64 cimport vb_base64_decode, vb_base64_decoded_len, vb_base64_select
from voiceband.dsp.cpu cimport VB_OK, import_level
from voiceband.dsp.g711 cimport vb_alaw_decode, vb_g711_select, vb_ulaw_decode
from voiceband.dsp.l16 cimport vb_l16_select, vb_l16_swap
from voiceband.dsp.resample cimport Resampler, vb_resample
from voiceband.dsp.sound cimport SoundGuard
from voiceband.dsp.timeline cimport Timeline
from voiceband.session._codec cimport ALAW, L16_BIG, MULAW, codec_of
from voiceband.session.transport cimport Transport

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    unsigned char *PyUnicode_1BYTE_DATA(object text)

cdef extern from "vb_media.h":
    ctypedef struct vb_media:
        const char *payload
        size_t n_payload
        const char *track
        size_t n_track
        const char *content_type
        size_t n_content_type
        int64_t sample_rate
        int64_t chunk
        int64_t timestamp_ms
    int vb_media_read(const char *text, size_t n, vb_media *m) nogil

cdef extern from *:
    """
    /* Of a message and of its audio: 60 ms of the widest wire, as text and as bytes. */
    enum { MAX_CHARACTERS = 65536, MAX_BASE64 = 2560, MAX_BYTES = MAX_BASE64 / 4 * 3 };
    #define MAX_STAMP_MS ((int64_t)1 << 53) /* as of a timeline */
    """
    const int64_t MAX_STAMP_MS
    enum:
        MAX_CHARACTERS
        MAX_BASE64
        MAX_BYTES

cnp.import_array()
vb_base64_select(import_level())
vb_g711_select(import_level())
vb_l16_select(import_level())


cdef class InboundChain:
    """Takes the usual messages of one track, once the general way has said how.

    Parameters
    ----------
    track : str
        Its name.
    transport : Transport
        Told of every message taken.
    waiting : collection
        Events that come first: while there are any, no message is taken.
    make : callable
        Makes an event of (samples, track, position_ms, timestamp_ms).
    warn : callable
        Makes an event of (kind, reason, track), of what the guard finds.
    other : InboundChain or None
        Where messages of other tracks are to be tried.
    """

    cdef str _track
    cdef Transport _transport
    cdef object _waiting, _make, _warn
    cdef InboundChain _other
    cdef Timeline _timeline
    cdef Resampler _resampler
    cdef SoundGuard _guard
    cdef const vb_resample *_stream  # the same one's, only to ask for its memory
    cdef int64_t _base, _chunk, _stamp, _n  # the last message's numbers, and its samples, for `last`
    cdef bint _fresh
    cdef double _shift, _ms
    cdef int _codec

    def __cinit__(self, str track not None, Transport transport not None, waiting, make, warn, InboundChain other):
        self._track = track
        self._transport = transport
        self._waiting = waiting
        self._make = make
        self._warn = warn
        self._other = other

    def open(self, str codec not None, Timeline timeline not None, Resampler resampler, SoundGuard guard, int64_t base,
             double shift=0.0):
        """Take messages from now on.

        Parameters
        ----------
        codec : {"mulaw", "alaw", "l16", "l16-big"}
            What payloads hold.
        timeline : Timeline
            Where samples are placed.
        resampler : Resampler or None
            Of int16, from the timeline's rate.
        guard : SoundGuard or None
            Hears the payloads.
        base : int
            Samples before the timeline's first.
        shift : float, optional
            How much further its samples are in what is given out.
        """
        self._codec = codec_of(codec)
        self._timeline = timeline
        self._resampler = resampler
        self._guard = guard
        self._stream = NULL if resampler is None else resampler._c
        self._base = base
        self._shift = shift
        self._ms = 1000.0 / timeline._rate

    def close(self):
        """Take no message."""
        self._timeline = None
        self._resampler = None
        self._guard = None
        self._stream = NULL

    def last(self):
        """Return chunk, timestamp in ms and samples of the last message taken, once; None if none was since."""
        if not self._fresh:
            return None
        self._fresh = False
        return self._chunk, self._stamp, self._n

    def passed(self, int64_t timestamp_ms, int64_t n_samples):
        """Note a message that went the general way, whose timestamp is taken for one in ms."""
        self._stamp, self._n = timestamp_ms, n_samples if -MAX_STAMP_MS < timestamp_ms < MAX_STAMP_MS else 0

    def take(self, message, now):
        """Take a message at a time, in seconds.

        Parameters
        ----------
        message : object
            The text, as it came from the socket.
        now : object
            When it came; a finite float before the transport's deadline, or it is not taken.

        Returns
        -------
        events : list or None
            The audio of it, after what the guard warns of; None if it was not taken, and nothing has changed then.
        """
        cdef const char *text
        cdef Py_ssize_t n
        cdef vb_media m
        cdef InboundChain chain = self
        cdef double at
        if not PyFloat_CheckExact(now) or (self._timeline is None and self._other is None):
            return None
        if self._timeline is not None:
            self._fetch()
        at = PyFloat_AS_DOUBLE(now) + self._transport.behind_s
        if self._transport.is_back(at):
            return None
        if not isfinite(at) or not -1e12 < at < 1e12 or at >= self._transport.deadline or PyObject_Size(self._waiting):
            return None
        if PyUnicode_CheckExact(message) and PyUnicode_IS_ASCII(message):
            text, n = <const char *>PyUnicode_1BYTE_DATA(message), PyUnicode_GET_LENGTH(message)
        elif PyBytes_CheckExact(message):
            text, n = PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message)
        else:
            return None
        if n > MAX_CHARACTERS or not vb_media_read(text, n, &m):
            return None
        if m.track == NULL:
            m.track, m.n_track = b"inbound", 7
        while not chain._hears(&m):
            chain = chain._other
            if chain is None:
                return None
        events = chain._events(&m, at)
        if events is None:
            return None
        self._transport.messages_in += 1
        self._transport.bytes_in += n
        return events

    cdef void _fetch(self) noexcept:
        """Ask for all memory that the message needs at once: it comes while the text is read."""
        self._timeline.fetch()
        vb_prefetch(self._stream, 8 * VB_CACHE_LINE)
        vb_prefetch(<void *>self._resampler, VB_CACHE_LINE)
        vb_prefetch(<void *>self._transport, 2 * VB_CACHE_LINE)
        vb_prefetch(<void *>self._waiting, VB_CACHE_LINE)

    cdef bint _hears(self, const vb_media *m) noexcept:
        return <size_t>PyUnicode_GET_LENGTH(self._track) == m.n_track and PyUnicode_IS_ASCII(self._track) \
            and memcmp(PyUnicode_1BYTE_DATA(self._track), m.track, m.n_track) == 0

    cdef bint _as_open(self, const vb_media *m) noexcept:
        """Whether a message says nothing of its format, or that it is the one that is read, as it is documented."""
        if m.content_type == NULL:
            return m.sample_rate == 0
        if m.sample_rate != self._timeline._rate:
            return False
        if self._codec == MULAW:
            return m.n_content_type == 13 and memcmp(m.content_type, b"audio/x-mulaw", 13) == 0
        return self._codec != ALAW and m.n_content_type == 11 and memcmp(m.content_type, b"audio/x-l16", 11) == 0

    cdef list _events(self, const vb_media *m, double now):
        """Return the events of a message; None for one that is out of the ordinary."""
        cdef uint8_t data[MAX_BYTES]
        cdef int16_t pcm[MAX_BYTES]
        cdef size_t n, size
        cdef int64_t start
        cdef cnp.npy_intp length
        if self._timeline is None or m.n_payload > <size_t>MAX_BASE64 or not self._as_open(m):
            return None
        if self._n and m.timestamp_ms - self._stamp == self._n:  # as if timestamps counted samples
            return None
        if vb_base64_decoded_len(m.payload, m.n_payload, &n) != VB_OK or n == 0 \
                or vb_base64_decode(m.payload, data, m.n_payload) != VB_OK:
            return None
        size = n
        if self._codec == MULAW:
            vb_ulaw_decode(data, pcm, n)
        elif self._codec == ALAW:
            vb_alaw_decode(data, pcm, n)
        else:
            if n & 1:
                return None
            n >>= 1
            if (self._codec == L16_BIG) == little_endian():
                vb_l16_swap(data, pcm, n)
            else:
                memcpy(pcm, data, 2 * n)
        start = self._timeline.follow(m.chunk, <double>m.timestamp_ms, pcm, n, now * 1000.0)
        if start < 0:
            return None
        self._chunk, self._stamp, self._n, self._fresh = m.chunk, m.timestamp_ms, <int64_t>n, True
        self._transport.note(m.timestamp_ms * 0.001, now)
        if self._resampler is not None:
            samples = self._resampler.convert(pcm, n)
        else:
            length = <cnp.npy_intp>n
            samples = cnp.PyArray_EMPTY(1, &length, cnp.NPY_INT16, 0)
            memcpy(cnp.PyArray_DATA(<cnp.ndarray>samples), pcm, 2 * n)
        cdef double position_ms = (<double>(self._base + start) + self._shift) * self._ms
        events = []
        if cnp.PyArray_SIZE(samples):  # else the message is so short that the resampler keeps it
            events.append(self._make(samples, self._track, position_ms, m.timestamp_ms))
        if self._guard is not None:
            found = self._guard.hear(data, size)
            if found is not None:
                return [*(self._warn(f.kind, f.reason, self._track) for f in found), *events]
        return events
