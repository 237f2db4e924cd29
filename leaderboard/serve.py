"""The built folder over HTTP, for this machine only: where a browser is to be opened on a port rather than a file."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.errors import HarnessError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what is asked for is nobody's news."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was made again is read again
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


def make_server(folder: Path, *, port: int) -> ThreadingHTTPServer:
    """Return a server of `folder` on 127.0.0.1:`port` (0: any free port), not yet serving.

    Raises HarnessError where the port cannot be had.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise HarnessError(
            f"port {port} cannot be had ({error.strerror}); name another with --port, or 0 for any free one"
        ) from None
