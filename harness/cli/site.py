"""`harness site`: write the pages."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options

_TO_GITHUB = """To publish on GitHub Pages, push the folder to a branch and choose that branch under Settings, Pages:
  git -C {folder} init -b gh-pages && git -C {folder} add -A && git -C {folder} commit -m "Results"
  git -C {folder} push URL-OF-THE-REPOSITORY gh-pages"""


def site(
    db: Annotated[
        list[Path] | None,
        typer.Option(
            "--db",
            help="The results database (default: results.duckdb). Repeatable: then the pages show the databases side "
            "by side. None of them is changed.",
            envvar="HARNESS_DB",
        ),
    ] = None,
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
    url: Annotated[
        str,
        typer.Option(
            "--url",
            help="The address at which the folder will be published. Previews of links show a picture only with it.",
        ),
    ] = "",
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
    """Write the pages: static files that open in a browser without a server.

    With two or more databases, every base has a page, and the first page compares them. A base that several
    databases have stands there once for each, with the name of the database: mini (a), mini (b).

    Example: harness site --db ours.duckdb --db theirs.duckdb --out both
    """
    from harness.api import write_site
    from harness.cli.screen import CountScreen, err
    from harness.errors import HarnessError
    from harness.store import Store
    from harness.store.beside import side_by_side
    from harness.suites.own.publish import kept_back
    from leaderboard.serve import make_server

    if url and not url.startswith(("https://", "http://")):
        raise HarnessError(f"--url {url!r} is no address; write for example --url https://example.org/board")
    paths = db or [options.DB]
    with ExitStack() as held:
        store = Store(paths[0], read_only=True) if len(paths) == 1 else held.enter_context(side_by_side(paths))
        screen = held.enter_context(CountScreen())
        page = write_site(store, publish or out, progress=screen.count, beside=publish is not None, url=url)
        measured = store.scores(current=False)[["task", "revision"]]
    print(page)
    if publish is not None:
        (publish / ".nojekyll").touch()  # GitHub would leave out what begins with an underscore
        err.print(_TO_GITHUB.format(folder=publish), soft_wrap=True)
    for sentence in kept_back(measured.itertuples(index=False)):
        err.print(sentence)
    if serve:
        with make_server(page.parent, port=port) as server:
            print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
