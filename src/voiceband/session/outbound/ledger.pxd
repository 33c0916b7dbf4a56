# What ledger.py's Utterance is when compiled: numbers instead of objects.

from voiceband.session.outbound.chain cimport OutboundChain


cdef class Utterance:
    cdef public object name, note, _owner, _convert
    cdef public bytearray _pending
    cdef public OutboundChain _chain
    cdef readonly bint ended, lapsed, interrupted
    cdef public long long queued, sent, acknowledged, heard, cleared, _start, _base, _done, _known, _rate
    cdef public double _doubt
    cdef public double content_ms, _ms, _given_ms


cpdef end_utterance(Utterance utterance, str reason)
