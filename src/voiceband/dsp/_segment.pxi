# Part of timeline.pyx: what a timeline gives.

@cython.freelist(16)
cdef class Segment:
    """Segment(pcm, start_sample, kind, epoch)\n--\n\n\
    A contiguous piece of a timeline.

    Attributes
    ----------
    pcm : ndarray, shape (n,), int16
        Its samples.
    start_sample : int
        Its place, in samples since the first message.
    kind : SegmentKind
        AUDIO if received, FILL if made up.
    epoch : int
        How often the sender's numbering or clock had started anew before it.
    """

    cdef readonly object pcm
    cdef readonly int64_t start_sample
    cdef readonly object kind
    cdef readonly int64_t epoch

    def __init__(self, pcm, start_sample, kind, epoch):
        self.pcm = pcm
        self.start_sample = start_sample
        self.kind = kind
        self.epoch = epoch

    def __repr__(self):
        return (f"Segment(<{len(self.pcm)} samples>, start_sample={self.start_sample}, kind={self.kind}, "
                f"epoch={self.epoch})")

    def __reduce__(self):
        return Segment, (self.pcm, self.start_sample, self.kind, self.epoch)


cdef inline Segment _segment(object pcm, int64_t start, object kind, int64_t epoch):
    cdef Segment s = Segment.__new__(Segment)
    s.pcm = pcm
    s.start_sample = start
    s.kind = kind
    s.epoch = epoch
    return s
