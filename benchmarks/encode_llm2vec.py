"""llm2vec's side of encode.py, run by its own interpreter.

    python encode_llm2vec.py FOLDER DEVICE DTYPE THREADS LIMIT CLOCK

Reads texts.json and the checkpoint `theirs` in FOLDER, writes theirs.npy there and prints the seconds of encoding.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed.tensor  # peft uses it unimported
from llm2vec import LLM2Vec


def main(folder: Path, device: str, dtype: str, threads: int, limit: int, clock: str) -> None:
    torch.set_num_threads(threads)
    texts = json.loads((folder / "texts.json").read_text())
    model = LLM2Vec.from_pretrained(
        str(folder / "theirs"),
        enable_bidirectional=True,
        torch_dtype=getattr(torch, dtype),
        max_length=limit,
        doc_max_length=limit,  # it would cut texts at 400 tokens
    ).to(device)

    def encode(chosen: list[str]) -> torch.Tensor:
        return model.encode(chosen, batch_size=32, show_progress_bar=False, device=device)

    encode(texts[:64])
    now = {"wall": time.perf_counter, "cpu": time.process_time}[clock]
    start = now()
    found = encode(texts)
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = now() - start
    np.save(folder / "theirs.npy", found.float().cpu().numpy())
    print(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
