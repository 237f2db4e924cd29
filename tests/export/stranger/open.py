"""In an environment that has sentence-transformers and nothing of ours: the same embeddings to 1e-6, or an exit code.

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
        gap = np.abs(model.encode(texts, batch_size=32) - np.load(folder / f"{variant}.npy")).max()
        print(f"{variant}: {len(texts)} texts, largest difference {gap:.1e}")
        if not gap <= 1e-6:
            sys.exit(f"{variant} gives other embeddings here")


main()
