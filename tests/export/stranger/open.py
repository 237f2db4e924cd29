"""In an environment that has sentence-transformers and nothing of ours: the same embeddings, or an exit code.

One text at a time, where no side has padding, they agree to 1e-6; in batches of 32 with what we read packed, which no
two ways to batch do better, to 1e-5.

python open.py FOLDER VARIANT…
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer


def main() -> None:
    ours = [name for name in ("harness", "leaderboard", "mteb", "peft", "duckdb") if importlib.util.find_spec(name)]
    if ours:
        sys.exit(f"this environment is no stranger's: it has {', '.join(ours)}")
    folder = Path(sys.argv[1])
    texts = json.loads((folder / "texts.json").read_text())
    for variant in sys.argv[2:]:
        model = SentenceTransformer(str(folder / variant), device="cpu")
        for how, size, most, name in (("alone", 1, 1e-6, variant), ("packed", 32, 1e-5, f"{variant}-packed")):
            gap = np.abs(model.encode(texts, batch_size=size) - np.load(folder / f"{name}.npy")).max()
            print(f"{variant}, {how}: {len(texts)} texts, largest difference {gap:.1e}")
            if not gap <= most:
                sys.exit(f"{variant} gives other embeddings here")


main()
