# cython: freethreading_compatible=True
"""The echo guard: is what comes from a caller their own voice, or ours coming back?"""

import numpy as np  # no-cython-lint: for the example in the docstring

from libc.stdint cimport int16_t
cimport numpy as cnp

from voiceband.dsp._shared.arguments cimport read_rate, read_setting
from voiceband.dsp._shared.buffer cimport View, release, sample_type_of, view_samples
from voiceband.dsp._shared.guard cimport enter, vb_guard_leave
from voiceband.dsp._shared.samples cimport not_finite
from voiceband.dsp._shared.saved cimport load_state, save_own
from voiceband.dsp.cpu cimport VB_ERR_NOT_FINITE, import_level, vb_status

cnp.import_array()
vb_echo_select(import_level())

__all__ = ["EchoGuard"]

cdef tuple _KINDS = ("silence", "echo", "speech", "both")
# Below this many samples the kernel is done (about 50 us) before another thread could take the GIL.
cdef Py_ssize_t _NOGIL_SAMPLES = 3200


cdef class EchoGuard:
    """EchoGuard(rate)\n--\n\n\
    Tell a caller's own voice from the echo of what is played to them.

    Feed it frame by frame what comes from the caller, and what sounds at their ear at the same time, as `Session.far`
    returns it. It finds how late the echo is, up to 1.1 s, and how much of it is lost, 7 to 54 dB, and follows both.
    The caller's audio itself is left alone.

    Parameters
    ----------
    rate : {8000, 16000}
        Samples per second of both ends.

    Raises
    ------
    TypeError
        If `rate` is no integer.
    ValueError
        If `rate` is not one of the above.

    Notes
    -----
    Latency: none; a score is that of the frame it is returned for. Any split of a stream into calls of whole 20 ms
    gives the same scores.

    Where a line loses less than 10 dB of the far end's voice, echo and caller are about as loud, and the guard takes
    the caller for echo or the other way round: see the page `detectors.md` of the documentation.

    An object serves one stream and one thread at a time; a second thread gets a RuntimeError. Memory is constant,
    26 KB. Objects pickle with their state.

    References
    ----------
    .. [1] D. L. Duttweiler, "A twelve-channel digital echo canceler", IEEE Trans. COM 26(5), 1978.
    .. [2] T. Gaensler, M. Hansson, C.-J. Ivarsson and G. Salomonsson, "A double-talk detector based on coherence",
       IEEE Trans. COM 44(11), 1996.

    Examples
    --------
    >>> guard = EchoGuard(8000)
    >>> voice, silence = np.sin(np.arange(1600) * 0.9) * 0.1, np.zeros(1600)
    >>> guard.process(voice, silence, bound_ms=60), guard.kind
    (0.0, 'speech')
    """

    def __cinit__(self, rate):
        self._rate = read_rate(rate)
        vb_echo_init(&self._s, self._rate)

    @property
    def rate(self):
        """Samples per second of both ends."""
        return self._rate

    @property
    def latency(self):
        """Seconds by which a score is later than what it is about: 0.0."""
        return 0.0

    @property
    def kind(self):
        """What the last frame was: "silence", "echo", "speech" of the caller, or "both" at once."""
        enter(&self._guard, self)
        kind = self._s.kind
        vb_guard_leave(&self._guard)
        return _KINDS[kind]

    @property
    def lag_ms(self):
        """How much later than `far` says an echo is heard, in ms; None before one has been found."""
        enter(&self._guard, self)
        lag = 10.0 * self._s.centre if self._s.locked else None
        vb_guard_leave(&self._guard)
        return lag

    @property
    def loss_db(self):
        """How much softer the echo is at its loudest than `far`, in dB; None before one has been found."""
        enter(&self._guard, self)
        loss = <double>vb_echo_loss_db(&self._s) if self._s.locked else None
        vb_guard_leave(&self._guard)
        return loss

    def process(self, near, far, *, bound_ms):
        """Take what comes from the caller and what he hears, and say how sure it is that it is only echo.

        Parameters
        ----------
        near : ndarray or buffer, shape (n,) or (n, 1)
            What came from the caller, any whole number of frames of 20 ms. int16 and float32 are native; other widths
            and strides are converted as by `Resampler.process`.
        far : ndarray or buffer, of the same shape
            What sounds at the caller's ear at the same time by the playout clock; zeros where nothing does.
        bound_ms : float
            How far that clock may be off, 0 to 2000.

        Returns
        -------
        score : float
            For the last frame: 0.0 for the caller's own voice, alone or over the echo, and for silence, up to 1.0 for
            nothing but echo. From 0.5 on take it for echo. The last score again where `near` is empty.

        Raises
        ------
        TypeError
            If `near` or `far` has no buffer, or `bound_ms` is no number.
        ValueError
            If a NaN or an infinity is among them, a length is not a whole number of frames or the two differ, or
            `bound_ms` is out of range. The state is then as it was.
        RuntimeError
            If another thread is inside this object.
        """
        cdef View a, b
        cdef double bound = read_setting("bound_ms", bound_ms, 0.0, 2000.0)
        cdef vb_status status
        cdef int type_num
        cdef Py_ssize_t size = self._rate // 50
        a.held = b.held = False
        type_num = sample_type_of(near, "near")
        if type_num != sample_type_of(far, "far"):
            type_num = cnp.NPY_FLOAT32
        try:
            view_samples(near, &a, "near", type_num)
            view_samples(far, &b, "far", type_num)
            if a.n != b.n:
                raise ValueError(f"near and far must be equally long, not {a.n} and {b.n} samples")
            if a.n % size:
                raise ValueError(f"near must hold whole frames of 20 ms, {size} samples each, not {a.n} samples")
            enter(&self._guard, self)
            if a.n < _NOGIL_SAMPLES:
                status = _push(&self._s, type_num, &a, &b, bound)
            else:
                with nogil:
                    status = _push(&self._s, type_num, &a, &b, bound)
            score = <double>self._s.score
            vb_guard_leave(&self._guard)
            if status == VB_ERR_NOT_FINITE:
                bad = not_finite(a.data, a.n, "near")
                raise ValueError(bad if "[" in bad else not_finite(b.data, b.n, "far"))
        finally:
            release(&a)
            release(&b)
        return score

    def reset(self):
        """Forget the stream, as if new."""
        enter(&self._guard, self)
        vb_echo_init(&self._s, self._rate)
        vb_guard_leave(&self._guard)

    def __repr__(self):
        return f"EchoGuard({self._rate})"

    def __reduce__(self):
        saved = save_own(&self._guard, self, &self._s, sizeof(vb_echo))
        arguments = type(self), self._rate, saved
        return _restore_echo_guard, arguments, getattr(self, "__dict__", None)  # only a subclass has one


cdef vb_status _push(vb_echo *e, int type_num, const View *a, const View *b, double bound) noexcept nogil:
    if type_num == cnp.NPY_INT16:
        return vb_echo_process_i16(e, <const int16_t *>a.data, <const int16_t *>b.data, <size_t>a.n, bound)
    return vb_echo_process_f32(e, <const float *>a.data, <const float *>b.data, <size_t>a.n, bound)


def _restore_echo_guard(cls, rate, saved):
    cdef EchoGuard guard = cls(rate)
    load_state(saved, &guard._s, sizeof(vb_echo), "EchoGuard")
    if not vb_echo_valid(&guard._s) or guard._s.rate_hz != guard._rate:
        raise ValueError("the pickled state of this EchoGuard is damaged")
    return guard
