"""The codecs of a wire, by the names that the chains know them by."""

cdef enum Codec:
    MULAW
    ALAW
    L16
    L16_BIG


cdef inline int codec_of(str name) except -1:
    if name == "mulaw":
        return MULAW
    if name == "alaw":
        return ALAW
    if name == "l16":
        return L16
    if name == "l16-big":
        return L16_BIG
    raise ValueError(f"codec must be 'mulaw', 'alaw', 'l16' or 'l16-big', not {name!r}")
