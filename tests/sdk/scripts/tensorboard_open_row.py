#: files_race
"""Rows of event files go into the row that the script has left open, and take the next step."""
import sys
import time
from pathlib import Path

import wandb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tfevents as tb

run = wandb.init(id="tbo")
root = Path("tb").resolve()
path = tb.path_in(root / "t", "testhost")
tb.append(path, *(tb.event(step, tb.scalar("a", float(step))) for step in (1, 2, 3)))
run.log({"p": 1}, commit=False)
run._tensorboard_callback(str(root / "t"), save=False, root_logdir=str(root))
time.sleep(1)
run.log({"q": 1})
run.log({"r": 1}, step=20)
tb.append(path, tb.event(4, tb.scalar("a", 4.0)))
time.sleep(0.2)
run.finish()
