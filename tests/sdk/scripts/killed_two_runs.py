#: env WANDB_CONSOLE=off
#: killed
#: accepted 20
"""SIGKILL with two runs open: both logs are whole."""
import os
import signal
import time
import wandb

runs = [wandb.init(id=f"both{number}", reinit="create_new") for number in range(2)]
for step in range(20):
    for run in runs:
        run.log({"a": step})
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
