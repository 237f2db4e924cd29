"""Serves the built folder over HTTP, on this machine only."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.errors import HarnessError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing for a request."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was made again is read again
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


def make_server(folder: Path, *, port: int) -> ThreadingHTTPServer:
    """Return a server of `folder` on 127.0.0.1:`port` (0: any free port), not yet serving.

    Raises HarnessError if the port cannot be used.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise HarnessError(
            f"port {port} cannot be used ({error.strerror}); choose another one with --port, or 0 for any free port"
        ) from None
