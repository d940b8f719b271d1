#: killed
#: accepted 3000
"""SIGKILL after 3000 rows: the official log ends somewhere, ours does not."""
import os
import signal
import time
import wandb

run = wandb.init(id="sigkillmany")
for step in range(3000):
    run.log({"a": step, "text": "some text to fill the blocks"})
time.sleep(1.5)
os.kill(os.getpid(), signal.SIGKILL)
