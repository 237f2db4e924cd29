"""Draw the picture that previews of links to a published site show: leaderboard/assets/share.png.

python docs/share.py

Needs the dependency group `test` (Playwright) and Debian's package chromium.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

OUT = Path(__file__).parents[1] / "leaderboard" / "assets" / "share.png"
STEPS = ("causal", "bidir", "bidir-mntp", "bidir-simcse, bidir-supcon")
PAGE = """<!doctype html><style>
body { margin: 0; width: 1200px; height: 630px; background: #fbfaf6; color: #1b1d22 }
body { font-family: "DejaVu Sans", sans-serif }
main { padding: 70px 80px } b { font: 600 34px "DejaVu Serif", serif }
h1 { font: 500 58px/1.2 "DejaVu Serif", serif; margin: 36px 0 60px }
ol { list-style: none; margin: 0; padding: 0; display: flex; gap: 22px; font-size: 25px; align-items: center }
li { border: 2px solid #dedbd2; border-radius: 30px; padding: 9px 20px; background: #fff }
p { font-size: 25px; margin: 60px 0 0; color: #5b5f68 }
.up { color: #00609c } .down { color: #b34700 }
</style><main><b>harness</b><h1>What does each step of turning
 a causal language model into a text encoder buy?</h1>
<ol>STEPS</ol><p>Each difference with its interval: <span class="up">▲ better</span> &nbsp;
<span class="down">▼ worse</span>
&nbsp; = equivalent &nbsp; ○ undecided</p></main>"""


def main() -> None:
    """Draw the picture."""
    steps = " → ".join(f"<li>{step}</li>" for step in STEPS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 630})
        page.set_content(PAGE.replace("STEPS", steps))
        page.screenshot(path=OUT)
        browser.close()
    print(OUT)


if __name__ == "__main__":
    main()
