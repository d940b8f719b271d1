#: killed
#: accepted 40
"""A short flush interval and SIGKILL: what the official sidecar had flushed is a part of what ours has."""
import os
import signal
import time
import wandb

run = wandb.init(id="flush", settings=wandb.Settings(x_transaction_log_flush_interval=0.2))
for step in range(40):
    run.log({"a": step, "n": {"m": step / 3}})
    if step == 30:
        time.sleep(0.6)
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGKILL)
