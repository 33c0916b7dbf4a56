"""The figures of all workers, and the port that they are read from: ``/metrics``, ``/readyz`` and ``/healthz``."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections import Counter
from http import HTTPStatus
from time import sleep
from typing import TYPE_CHECKING

from voiceband.servers.door import OUT_OF_ROOM, RETRY_S
from voiceband.servers.relay import PROBES
from voiceband.servers.serve.sockets import StartError
from voiceband.servers.totals import CONTENT_TYPE, render, series

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

REQUEST_S = 5.0
"""How long a request may take to come."""


class WorkerTotals:
    """What the workers have counted, those that have ended too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Counter[str] = Counter()
        self._latest: dict[Any, tuple[int, dict[str, float], dict[str, float]]] = {}

    def take(self, worker: object, number: int, snapshot: str) -> None:
        """Take a worker's latest figures."""
        counters, gauges = json.loads(snapshot)
        with self._lock:
            self._latest[worker] = (number, counters, gauges)

    def leave(self, worker: object) -> None:
        """Keep what a worker has counted that has ended."""
        with self._lock:
            _, counters, _ = self._latest.pop(worker, (0, {}, {}))
            self._ended.update(counters)

    def text(self, n_ready: int) -> str:
        """Return everything as Prometheus reads it."""
        with self._lock:
            lines: Counter[str] = Counter(self._ended)
            for _, counters, _ in self._latest.values():
                lines.update(counters)
            for number, _, gauges in self._latest.values():  # of two in one place, as one is replaced, the sum
                lines.update({series(name, worker=str(number)): value for name, value in gauges.items()})
        lines[series("workers_ready")] = n_ready
        return render(lines)


class FiguresPort:
    """Answers requests for figures and for how the server is, in threads of their own.

    Parameters
    ----------
    host, port
        Where to listen; port 0 for any that is free.
    figures : WorkerTotals
        What is shown.
    count_ready : callable
        Returns how many workers take calls; 0 while the server drains.

    Raises
    ------
    StartError
        If the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, figures: WorkerTotals, count_ready: Callable[[], int]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = REQUEST_S

            def do_GET(self) -> None:
                n_ready = count_ready()
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, figures.text(n_ready), CONTENT_TYPE)
                elif path == "/readyz":
                    self._answer(200 if n_ready else 503, "ready\n" if n_ready else "not ready\n")
                elif path == "/healthz":
                    self._answer(200, "ok\n")
                else:
                    self._answer(404, "there are /metrics, /readyz and /healthz\n")

            do_HEAD = do_OPTIONS = do_GET  # noqa: N815

            def send_error(self, code: int, *_: object) -> None:
                """Answer what cannot be understood, and methods that are not there."""
                self.close_connection = True
                self._answer(405 if code == HTTPStatus.NOT_IMPLEMENTED else code, "")

            def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
                body = b"" if self.command == "OPTIONS" else text.encode()
                self.send_response(status)
                self.send_header("Allow", PROBES)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: it is asked every few seconds."""

        class FiguresServer(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def get_request(self) -> Any:
                try:
                    return super().get_request()
                except OSError as error:
                    if error.errno in OUT_OF_ROOM:  # the connection stays where it is, and would be tried at once
                        sleep(RETRY_S)
                    raise

            def handle_error(self, *_: object) -> None:
                """Nothing: a peer that is gone, or too slow."""

        try:
            self._server = FiguresServer((host, port), Handler)
        except OSError as error:
            raise StartError(f"{host}:{port} cannot be listened on: {error.strerror or error}") from None
        self.number: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True, name="figures").start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
