"""In our environment: measure and export variants with the command, and save our own embeddings beside the folders.

python -m tests.export.stranger.save FOLDER VARIANT… (see the session `export` in noxfile.py)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from harness.export.choose import find_system
from harness.export.weights import open_stored
from harness.mini import corpus
from harness.paths import cache_folder
from harness.store import Store


def main() -> None:
    folder, variants = Path(sys.argv[1]), sys.argv[2:]
    (folder / "model_cards").mkdir()
    shutil.copy(Path(__file__).with_name("quick.md"), folder / "model_cards")
    command = [sys.executable, "-m", "harness"]
    named = [word for variant in variants for word in ("--variant", variant)]
    subprocess.run([*command, "run", *named, "--tasks", "MiniTopicClustering"], cwd=folder, check=True)
    texts = ["x", "a dog runs", *corpus.sentences(2, 200), "one text that is longer than the others are, " * 20]
    (folder / "texts.json").write_text(json.dumps(texts))
    store = Store(folder / "results.duckdb")
    for variant in variants:
        subprocess.run([*command, "export", variant, "--out", variant], cwd=folder, check=True)
        system = find_system(store, variant)
        encoder = open_stored(system, store.runs(system_id=system.system_id), base=None, cache=cache_folder())
        np.save(folder / f"{variant}.npy", encoder.encode(texts, batch_size=1))
        np.save(folder / f"{variant}-packed.npy", encoder.encode(texts))


main()
