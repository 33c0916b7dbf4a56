# Part of resample.pyx: the filters, made at their first use and shared by the streams of the process.

# The order is that of vb_resample_quality.
QUALITIES = ("voice", "wide", "fast")
cdef tuple RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
cdef int RATE_MIN = 4000, RATE_MAX = 192_000, TERM_MAX = 1000

# Filters that were made in this process, oldest first; bounded, because callers may take rates from the network.
cdef int DESIGNS_MAX = 64
cdef dict _designs = {}
_design_lock = threading.Lock()


cdef class _Design:
    """One filter, shared by every stream of its ratio and quality."""

    def __dealloc__(self):
        vb_resample_design_destroy(self._c)


cdef _Design _make_design(int up, int down, int quality):
    cdef _Design design = _Design.__new__(_Design)
    if vb_resample_design_create(up, down, <vb_resample_quality>quality, &design._c) != VB_OK:
        raise MemoryError(f"no memory for the resampling filter of {up}:{down}")
    return design


cdef _Design _design(object rate_in, object rate_out, object quality):
    """Return the filter for two rates, made at its first use."""
    cdef int quality_index = read_choice("quality", quality, QUALITIES)
    rate_in = read_index("rate_in", rate_in, "Hz")
    rate_out = read_index("rate_out", rate_out, "Hz")
    common = gcd(rate_in, rate_out)
    if not (RATE_MIN <= rate_in <= RATE_MAX and RATE_MIN <= rate_out <= RATE_MAX) \
            or max(rate_in, rate_out) // common > TERM_MAX:
        listed = ", ".join(map(str, RATES))
        raise ValueError(
            f"rate_in={rate_in}, rate_out={rate_out} is not supported: any two of {listed} Hz are, and other rates "
            f"from {RATE_MIN} to {RATE_MAX} Hz whose ratio in lowest terms has no term above {TERM_MAX}")
    key = (rate_out // common, rate_in // common, quality_index)
    found = _designs.get(key)
    if found is None:
        with _design_lock:
            found = _designs.get(key)
            if found is None:
                found = _make_design(key[0], key[1], key[2])
                if len(_designs) >= DESIGNS_MAX:
                    del _designs[next(iter(_designs))]
                _designs[key] = found
    return <_Design>found
