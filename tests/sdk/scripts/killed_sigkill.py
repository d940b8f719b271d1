#: killed
#: accepted 51
"""SIGKILL in the middle of the run."""
import os
import signal
import time
import wandb

run = wandb.init(id="sigkill")
for step in range(50):
    run.log({"a": step})
run.log({"still_open": 1}, commit=False)
print("about to go")
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
