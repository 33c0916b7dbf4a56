# cython: freethreading_compatible=True
"""The ear for tones: keys, call progress, fax, and the beep of an answering machine."""

import numpy as np  # no-cython-lint: for the examples in the docstrings

from libc.stdint cimport int16_t
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_rate
from voiceband.dsp._shared.buffer cimport View, release, sample_type_of, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard_leave
from voiceband.dsp._shared.samples cimport item_size, not_finite
from voiceband.dsp._shared.saved cimport load_state, save_own
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

from voiceband.dsp.tone_kinds import tone

cnp.import_array()
vb_tones_select(import_level())

# From this many samples on, another thread could use the time.
cdef Py_ssize_t _NOGIL_SAMPLES = 16_000
cdef enum:
    ROOM = 64  # tones that are fetched at once


cdef class ToneDetector:
    """ToneDetector(rate)\n--\n\n\
    Name the tones of a telephone line: keys, call progress, fax, and the beep of an answering machine.

    Parameters
    ----------
    rate : {8000, 16000}
        Samples per second.

    Raises
    ------
    TypeError
        If `rate` is not an integer.
    ValueError
        If it is not one of the above.

    Notes
    -----
    Works in hops of 10 ms, of three together while no tone is in sight. Latency: 60 ms. A key of at least 40 ms is
    reported within 60 ms of its first 40 ms, and its end within 60 ms of its end. Other kinds are reported when they
    are certain: the page `detectors.md` of the documentation says when, and how often each is missed or misnamed.

    Any split of a stream into calls reports the same tones. An object serves one stream and one thread at a time; a
    second thread gets a RuntimeError. The GIL is released from 16 000 samples a call on. Memory is constant, 6 KB.
    Objects pickle with their state.

    References
    ----------
    .. [1] ITU-T Q.23 and Q.24 (11/88), push-button telephone sets and their receivers.
    .. [2] ITU-T E.180/Q.35 (03/98) and Supplement 2 to E.180 (01/94), tones of national signalling systems.

    Examples
    --------
    >>> t = np.arange(800) / 8000
    >>> key = 8000 * (np.sin(2 * np.pi * 770 * t) + np.sin(2 * np.pi * 1336 * t))
    >>> detector = ToneDetector(8000)
    >>> for told in detector.process(np.concatenate([key, np.zeros(800)]).astype(np.int16)):
    ...     print(told)
    Tone(kind='dtmf', name='5', start_ms=0.0, end_ms=None)
    Tone(kind='dtmf', name='5', start_ms=0.0, end_ms=100.0)
    """

    def __cinit__(self, rate):
        self._rate = read_rate(rate)
        vb_tones_init(&self._t, self._rate)

    @property
    def rate(self):
        """Samples per second."""
        return self._rate

    @property
    def latency(self):
        """Seconds until a key, once it has lasted 40 ms, is told, and until its end is."""
        return 0.06

    def process(self, x):
        """Listen to what comes next in the stream.

        Parameters
        ----------
        x : ndarray or buffer, shape (n,) or (n, 1)
            The next samples, any number of them, int16 or float32 of full scale 1.0; float samples finite. Other widths
            and strides are converted as by `Resampler.process`; bytes are samples of int16.

        Returns
        -------
        tones : list of Tone
            What has become sure, in order, usually nothing: each tone when it is sure, without an end, and once more
            when it has ended.

        Raises
        ------
        TypeError
            If `x` has no buffer.
        ValueError
            If it has more than one channel, is not finite, or is of uint8 or bool. The state is then as it was.
        RuntimeError
            If another thread is inside this object.
        """
        cdef View v
        cdef vb_status status = VB_OK
        cdef list told = []
        cdef int type_num = sample_type_of(x, "x")
        cdef Py_ssize_t size = item_size(type_num)
        v.held = False
        enter(&self._guard, self)
        try:
            view_samples(x, &v, "x", type_num)
            if type_num == cnp.NPY_FLOAT32:
                with nogil:
                    status = vb_tones_check(v.data, v.n)
                if status != VB_OK:
                    raise ValueError(not_finite(v.data, v.n, "x"))
            told = self._told(v.data, v.n, type_num == cnp.NPY_FLOAT32, size)
        finally:
            release(&v)
            vb_guard_leave(&self._guard)
        return told

    cdef list _told(self, const char *data, Py_ssize_t n, bint is_float, Py_ssize_t size):
        """Take samples that are finite; the guard is held."""
        cdef vb_tone found[ROOM]
        cdef size_t n_found = 0, i
        cdef Py_ssize_t done = 0
        cdef list told = []
        while True:
            if n < _NOGIL_SAMPLES:
                done = vb_tones_process(&self._t, data, n, is_float, found, ROOM, &n_found)
            else:
                with nogil:
                    done = vb_tones_process(&self._t, data, n, is_float, found, ROOM, &n_found)
            for i in range(n_found):
                told.append(tone(found[i].kind, found[i].key, found[i].low_hz, found[i].high_hz, found[i].start_ms,
                                 found[i].end_ms))
            if done == n:
                return told
            data += done * size
            n -= done

    cdef list hear(self, const int16_t *samples, Py_ssize_t n):
        """Listen to int16 samples: `process` without its arguments' handling."""
        enter(&self._guard, self)
        told = self._told(<const char *>samples, n, False, 2)
        vb_guard_leave(&self._guard)
        return told

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        vb_tones_init(&self._t, self._rate)
        vb_guard_leave(&self._guard)

    def __repr__(self):
        return f"ToneDetector({self._rate})"

    def __reduce__(self):
        saved = save_own(&self._guard, self, &self._t, sizeof(vb_tones))
        arguments = type(self), self._rate, saved
        return _restore_tone_detector, arguments, getattr(self, "__dict__", None)  # only a subclass has one


def _restore_tone_detector(cls, rate, saved):
    cdef ToneDetector detector = cls(rate)
    load_state(saved, &detector._t, sizeof(vb_tones), "ToneDetector")
    if not vb_tones_valid(&detector._t) or detector._t.rate_hz != detector._rate:
        raise ValueError("the pickled state of this ToneDetector is damaged")
    return detector
