# What runner.py's AgentLink and Runner are when compiled: numbers instead of objects.
cimport cython


cdef class AgentLink:
    cdef public object number, agent, unread_s
    cdef public double due
    cdef public bint over, behind
    cdef object _carrier, _network, _clocks, _to_agent, _to_carrier, _hanging_up, _agent_backlog_s
    cdef double _close_timeout_s, _closes_s
    cdef bint _ended

    cpdef send(self, str text, double now)

    @cython.locals(on_the_way_s=double)
    cpdef double backlog_s(self, double now) except *

    @cython.locals(told=bint, shown=double)
    cpdef bint carry(self, double now) except *

    @cython.locals(due=double, asked=double)
    cpdef double plan(self) except *


cdef class Runner:
    cdef public object carrier
    cdef public dict links
    cdef public object _network
    cdef object _on_tick
    cdef double _due

    @cython.locals(touched=bint, link=AgentLink, due=double, link_due=double)
    cpdef double turn(self, double now) except *

    cpdef touch(self)

    @cython.locals(due=double, backlog_s=double, link=AgentLink)
    cpdef _poll(self, double now)

    @cython.locals(link=AgentLink, closing=AgentLink)
    cpdef _do(self, action, now)
