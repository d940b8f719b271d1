"""A little of everything in one run; the comparison is also tried on what this leaves behind."""
from pathlib import Path

import numpy as np
import wandb

run = wandb.init(id="mixture", name="mix", tags=["t"], config={"lr": 0.5, "net": {"depth": 3}})
run.define_metric("acc", summary="max")
for step in range(4):
    run.log({"loss": 1 / (step + 1), "acc": step % 3, "n": {"m": step}})
    print("step", step)
run.log({"img": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8))})
Path("note.txt").write_text("saved\n")
run.save("note.txt", policy="now")
run.summary["best"] = 7
run.config["late"] = True
run.finish()
