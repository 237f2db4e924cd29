"""llm2vec's side of train_step.py, run by its own interpreter.

    python train_step_llm2vec.py FOLDER STAGE DEVICE DTYPE THREADS CLOCK

Reads batches.json and the checkpoint `theirs` in FOLDER and prints the seconds of a step, the first left out. Its model
classes and its loss; the loop around them is ours, for the package has no trainer.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
import torch.distributed.tensor  # peft uses it unimported
from llm2vec import LLM2Vec
from llm2vec.loss.HardNegativeNLLLoss import HardNegativeNLLLoss
from llm2vec.models import LlamaBiForMNTP
from peft import LoraConfig, inject_adapter_in_model

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main(folder: Path, stage: str, device: str, dtype: str, threads: int, clock: str) -> None:
    torch.set_num_threads(threads)
    steps = json.loads((folder / "batches.json").read_text())
    theirs = str(folder / "theirs")
    if stage == "mntp":
        model = LlamaBiForMNTP.from_pretrained(theirs, torch_dtype=torch.float32)
        inner = model.model
    else:
        model = LLM2Vec.from_pretrained(theirs, enable_bidirectional=True, torch_dtype=torch.float32)
        inner = model.model
    model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=TARGETS), inner)
    model.to(device).train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4)
    now = {"wall": time.perf_counter, "cpu": time.process_time}[clock]
    ends = []
    for step in steps:
        columns = [{name: torch.tensor(value, device=device) for name, value in column.items()} for column in step]
        with torch.autocast(device, dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            if stage == "mntp":
                loss = model(**columns[0], use_cache=False).loss
            else:
                for column in columns:
                    column["embed_mask"] = column["attention_mask"].clone()
                loss = HardNegativeNLLLoss(scale=20.0)(*(model(column) for column in columns))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        ends.append(now())
    print((ends[-1] - ends[0]) / (len(ends) - 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6])
