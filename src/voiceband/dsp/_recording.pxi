# Part of denoise.pyx: whole recordings.

def denoise(x, rate, *, level=85, latency="normal"):
    """Suppress the noise of a whole recording.

    Parameters
    ----------
    x : ndarray or buffer, shape (n,) or (n, 1), int16 or float32
        Samples of one channel, full scale 32768 or 1.0; float samples finite. Other widths and strides are converted as
        by `Resampler.process`. Buffers of bytes are taken as int16 in native byte order.
    rate : {8000, 16000}
        Samples per second. For other rates see `resample`.
    level : float, optional
        How far noise is turned down, in [60, 100], as for `Denoiser`.
    latency : {"normal", "low"}, optional
        Which form of the suppressor. The output is in time with `x` either way; "low" shows what a live stream of that
        form will sound like.

    Returns
    -------
    y : ndarray, shape (n,), int16 for integers, float32 for floats
        The recording with less noise, in time with `x`.

    Raises
    ------
    TypeError
        If `x` has no buffer, `rate` is not an integer, or `level` not a number.
    ValueError
        If `x` has more than one channel, is not finite, or is of uint8 or bool, or `rate`, `level` or `latency` is not
        one of the above.

    Notes
    -----
    The samples are those of one `Denoiser` with its latency taken away. Time is linear in n, memory beyond the output
    constant. Keeps no state; safe from any thread. The GIL is released from 3200 samples on.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> hiss = (300 * rng.standard_normal(16000)).astype(np.int16)
    >>> quiet = denoise(hiss, 16000)
    >>> bool(np.std(quiet[8000:]) < 0.3 * np.std(hiss[8000:]))
    True
    """
    cdef View src
    cdef cnp.npy_intp n
    cdef size_t n_out, total = 0
    cdef Py_ssize_t head, late, left, skip, size
    cdef char *p
    cdef char zeros[4 * TAIL]
    cdef char scratch[4 * TAIL]
    cdef int type_num = sample_type_of(x, "x")
    cdef Denoiser d = Denoiser(rate, level=level, dtype=sample_dtype(type_num), latency=latency)
    size = item_size(type_num)
    memset(zeros, 0, sizeof(zeros))
    view_samples(x, &src, "x", type_num)
    try:
        n = src.n
        result = cnp.PyArray_EMPTY(1, &n, type_num, 0)
        p = <char *>cnp.PyArray_DATA(<cnp.ndarray>result)
        late = vb_denoise_latency(d._c)
        head = min(n, late)
        # What comes out of the first `late` samples is the silence before the recording; what is still missing after
        # the rest comes out on zeros.
        if _push(d._c, type_num, src.data, head, scratch, TAIL, &n_out) != VB_OK:
            raise ValueError(not_finite(src.data, n, "x"))
        skip = late - n_out
        if _run(d._c, type_num, src.data + size * head, n - head, p, n, &n_out) != VB_OK:
            raise ValueError(not_finite(src.data, n, "x"))
        total = n_out
        left = n - total
        _push(d._c, type_num, zeros, late + vb_denoise_hop(d._c), scratch, TAIL, &n_out)
        memcpy(p + size * total, scratch + size * skip, size * left)
    finally:
        release(&src)
    return result
