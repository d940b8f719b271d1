#: killed
#: accepted 50
"""os._exit: no hook of the SDK runs."""
import os
import time
import wandb

run = wandb.init(id="osexit")
for step in range(50):
    run.log({"a": step})
time.sleep(0.5)
os._exit(7)
