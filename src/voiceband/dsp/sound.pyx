# cython: freethreading_compatible=True
"""The sound guard: does a stream sound like what it is said to be, and if not, what is wrong with it?"""

from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_choice, read_count
from voiceband.dsp._shared.buffer cimport View, little_endian, release, view_bytes, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard_leave
from voiceband.dsp._shared.pages cimport vb_pages_free, vb_pages_new
from voiceband.dsp._shared.samples cimport not_finite
from voiceband.dsp._shared.saved cimport load_state, save_state
from voiceband.dsp.cpu cimport VB_OK, import_level, vb_status

from voiceband.dsp.sound_findings import finding

cnp.import_array()
vb_sound_select(import_level())

cdef tuple _ENCODINGS = ("mulaw", "alaw", "l16", "int16", "float32")
# From this many bytes on, another thread could use the time.
cdef Py_ssize_t _NOGIL_BYTES = 200_000


cdef class SoundGuard:
    """SoundGuard(encoding, rate, *, byteorder='little')\n--\n\n\
    Listen to a stream, and name what is wrong with its sound.

    A stream is bytes in an encoding, or samples. The guard listens to its first four seconds of sound, then to four
    seconds in every minute, and to up to ten where frames may be missing. Each kind of fault is named once.

    Parameters
    ----------
    encoding : {"mulaw", "alaw", "l16", "int16", "float32"}
        What the data are taken for: codes of G.711, 16-bit samples as bytes of a wire, or arrays of samples.
    rate : int
        Sampling rate in Hz that they are taken for, 8000 to 48000.
    byteorder : {"little", "big"}, optional
        Order of the two bytes of a sample; of "l16" only.

    Raises
    ------
    TypeError
        If `rate` is no integer.
    ValueError
        If an argument is not one of those listed.

    Notes
    -----
    What each kind means, how it is heard, from which threshold on, and how often it is missed or named wrongly is on
    the page `detectors.md` of the documentation.

    Any split of a stream into calls gives the same findings at the same places. An object serves one stream and one
    thread at a time; a second thread gets a RuntimeError. Memory is bounded: 8 to 12 KB while it listens, which go
    back to the system when it has heard enough, and next to nothing in between. Objects pickle with their state.

    Examples
    --------
    >>> import numpy as np, voiceband
    >>> guard = SoundGuard("l16", 8000)
    >>> t = np.arange(16000) / 8000
    >>> voice = 8000 * np.sin(900 * t + 3 * np.sin(20 * t)) * (1 + np.sin(25 * t)) / 2
    >>> [found.kind for found in guard.process(voice.astype(">i2").tobytes())]
    ['swapped-bytes']
    >>> guard.done
    True
    """

    def __cinit__(self, encoding, rate, *, byteorder="little"):
        cdef vb_sound_code code
        read_choice("encoding", encoding, _ENCODINGS)
        read_choice("byteorder", byteorder, ("little", "big"))
        rate_hz = read_count("rate", rate, "Hz", VB_SOUND_MIN_HZ, VB_SOUND_MAX_HZ)
        if encoding == "mulaw":
            code = VB_SOUND_ULAW
        elif encoding == "alaw":
            code = VB_SOUND_ALAW
        elif encoding == "float32":
            code = VB_SOUND_FLOAT
        elif encoding == "l16":
            code = VB_SOUND_LITTLE if byteorder == "little" else VB_SOUND_BIG
        else:
            code = VB_SOUND_LITTLE if little_endian() else VB_SOUND_BIG
        self._encoding = encoding
        self._code, self._rate = code, rate_hz
        vb_sound_init(&self._s, code, self._rate)

    def __dealloc__(self):
        self._drop_window()

    cdef int _begin(self, Py_ssize_t size) except -1:
        """Enter, with what it takes to listen to so many bytes."""
        enter(&self._guard, self)
        if self._s.w == NULL and vb_sound_needs_window(&self._s, size):
            self._s.w = vb_pages_new(vb_sound_window_size(&self._s))
            if self._s.w == NULL:
                vb_guard_leave(&self._guard)
                raise MemoryError()
        return 0

    cdef void _end(self) noexcept:
        """Leave, and keep no memory for the time that the ear is closed."""
        if self._s.w != NULL and vb_sound_done(&self._s):
            self._drop_window()
        vb_guard_leave(&self._guard)

    cdef void _drop_window(self) noexcept:
        vb_pages_free(self._s.w, vb_sound_window_size(&self._s))
        self._s.w = NULL

    @property
    def encoding(self):
        """What the data are taken for."""
        return self._encoding

    @property
    def rate(self):
        """Sampling rate in Hz that they are taken for."""
        return self._rate

    @property
    def done(self):
        """Whether the guard has heard enough for now: it lets a minute pass before it listens again."""
        enter(&self._guard, self)
        closed = vb_sound_done(&self._s) != 0
        vb_guard_leave(&self._guard)
        return closed

    def process(self, x):
        """Listen to what comes next in the stream.

        Parameters
        ----------
        x : bytes-like or ndarray, shape (n,)
            Bytes of a wire, or int16 or float32 samples, as `encoding` says; any length, empty too. Other widths and
            strides are converted as by `Resampler.process`.

        Returns
        -------
        findings : list of SoundFinding
            What is wrong, each kind once in the life of the guard; usually empty.

        Raises
        ------
        TypeError
            If `x` has no buffer.
        ValueError
            If it has more than one channel, is not finite or holds no such items.
        RuntimeError
            If another thread is inside this object.
        """
        cdef View v
        cdef vb_sound_finding found[VB_SOUND_KINDS]
        cdef size_t n_found = 0
        cdef vb_status status
        cdef Py_ssize_t size
        v.held = False
        if self._encoding == "float32":
            view_samples(x, &v, "x", cnp.NPY_FLOAT32)
            size = 4 * v.n
        elif self._encoding == "int16":
            view_samples(x, &v, "x", cnp.NPY_INT16)
            size = 2 * v.n
        else:
            view_bytes(x, &v, "x")
            size = v.n
        try:
            self._begin(size)
            if size < _NOGIL_BYTES:
                status = vb_sound_push(&self._s, v.data, size, found, &n_found)
            else:
                with nogil:
                    status = vb_sound_push(&self._s, v.data, size, found, &n_found)
            self._end()
            if status != VB_OK:
                raise ValueError(not_finite(v.data, v.n, "x"))
        finally:
            release(&v)
        return self._told(found, n_found)

    cdef list hear(self, const void *data, Py_ssize_t size):
        """Listen to bytes that fit `encoding`; return what was found, or None; skip floats that are not finite."""
        cdef vb_sound_finding found[VB_SOUND_KINDS]
        cdef size_t n_found = 0
        self._begin(size)
        vb_sound_push(&self._s, data, size, found, &n_found)
        self._end()
        return self._told(found, n_found) if n_found else None

    cdef list _told(self, const vb_sound_finding *f, size_t n):
        return [
            finding(self._encoding, self._rate, f[i].kind, f[i].detail, f[i].value, f[i].more, f[i].at)
            for i in range(n)
        ]

    def listen(self):
        """Listen again from now on, without waiting for the minute to pass. What was named is not named again."""
        enter(&self._guard, self)
        vb_sound_listen(&self._s)
        vb_guard_leave(&self._guard)

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        self._drop_window()
        vb_sound_init(&self._s, self._code, self._rate)
        vb_guard_leave(&self._guard)

    def __repr__(self):
        order = ", byteorder='big'" if self._encoding == "l16" and self._code == VB_SOUND_BIG else ""
        return f"SoundGuard({self._encoding!r}, {self._rate}{order})"

    def __reduce__(self):
        cdef bytes state
        cdef vb_sound *saved
        enter(&self._guard, self)
        try:
            size = 0 if self._s.w == NULL else vb_sound_window_size(&self._s)
            state = PyBytes_FromStringAndSize(NULL, sizeof(vb_sound) + size)
            saved = <vb_sound *>PyBytes_AS_STRING(state)
            saved[0] = self._s
            saved.w = NULL
            if size:  # no window is a null pointer, which not even nothing may be copied from
                memcpy(saved + 1, self._s.w, size)
        finally:
            vb_guard_leave(&self._guard)
        order = "big" if self._code == VB_SOUND_BIG else "little"
        plain = save_state(PyBytes_AS_STRING(state), len(state))
        arguments = type(self), self._encoding, self._rate, order, plain
        return _restore_sound_guard, arguments, getattr(self, "__dict__", None)  # only a subclass has one

    def _load(self, saved):
        cdef bint closed = type(saved) is bytes and len(saved) == sizeof(vb_sound) + 4  # it was not listening
        cdef size_t size = 0 if closed else vb_sound_window_size(&self._s)
        cdef vb_sound s
        cdef vb_sound *loaded = <vb_sound *>PyMem_Malloc(sizeof(vb_sound) + size)
        cdef void *window = vb_pages_new(size) if size else NULL
        try:
            if loaded == NULL or (size and window == NULL):
                raise MemoryError()
            load_state(saved, loaded, sizeof(vb_sound) + size, "SoundGuard")
            s = loaded[0]
            s.w = window
            if size:
                memcpy(window, loaded + 1, size)
            if not vb_sound_valid(&s) or s.code != self._code or s.rate_hz != self._rate:
                raise ValueError("the pickled state of this SoundGuard is damaged")
            self._s = s  # fresh: it has no window of its own
            window = NULL
        finally:
            PyMem_Free(loaded)
            vb_pages_free(window, size)


def _restore_sound_guard(cls, encoding, rate, byteorder, saved):
    guard = cls(encoding, rate, byteorder=byteorder)
    guard._load(saved)
    return guard
