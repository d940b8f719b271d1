#: killed
#: accepted 50
"""SIGTERM with Python's default action: as sudden as SIGKILL."""
import os
import signal
import time
import wandb

run = wandb.init(id="sigterm")
for step in range(50):
    run.log({"a": step})
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
