"""`harness site`: write the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

_TO_GITHUB = """To publish on GitHub Pages, push the folder to a branch and choose that branch under Settings, Pages:
  git -C {folder} init -b gh-pages && git -C {folder} add -A && git -C {folder} commit -m "Results"
  git -C {folder} push URL-OF-THE-REPOSITORY gh-pages"""


def site(
    db: options.Db = options.DB,
    out: options.SiteFolder = options.SITE,
    publish: Annotated[
        Path | None,
        typer.Option(
            "--publish",
            metavar="DIR",
            help="Write the pages to DIR, for GitHub Pages. Files that harness did not write, such as .git and CNAME, "
            "stay as they are.",
        ),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Serve the pages on this machine until Ctrl-C. (The files also open without a server.)"
        ),
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port for --serve (0: any free port).")
    ] = 8321,
) -> None:
    """Write the pages: static files that open in a browser without a server."""
    from harness.api import write_site
    from harness.cli.screen import CountScreen, err
    from harness.store import Store
    from harness.suites.own.publish import kept_back
    from leaderboard.serve import make_server

    store = Store(db, read_only=True)
    with CountScreen() as screen:
        page = write_site(store, publish or out, progress=screen.count, beside=publish is not None)
    print(page)
    if publish is not None:
        (publish / ".nojekyll").touch()  # GitHub would leave out what begins with an underscore
        err.print(_TO_GITHUB.format(folder=publish), soft_wrap=True)
    for sentence in kept_back(store.scores(current=False)[["task", "revision"]].itertuples(index=False)):
        err.print(sentence)
    if serve:
        with make_server(page.parent, port=port) as server:
            print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
