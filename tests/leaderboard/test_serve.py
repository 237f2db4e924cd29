"""`harness site --serve`: the same files over HTTP, on this machine only."""

from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import pytest_socket

from harness.errors import HarnessError
from leaderboard.serve import make_server


@pytest.mark.enable_socket
def test_the_folder_is_served_to_this_machine_only(tmp_path: Path) -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1"])
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("the page")
    (tmp_path / "secret.txt").write_text("not the page")
    with make_server(tmp_path / "site", port=0) as server:
        assert server.server_address[0] == "127.0.0.1"
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert urlopen(f"{url}/").read() == b"the page"
        with pytest.raises(HTTPError):
            urlopen(f"{url}/../secret.txt")
        with pytest.raises(HarnessError, match="choose another one with --port"):
            make_server(tmp_path, port=server.server_port)
        server.shutdown()
