"""Ctrl-C: KeyboardInterrupt goes uncaught."""
import os
import signal
import time
import wandb

run = wandb.init(id="sigint")
run.log({"a": 1})
os.kill(os.getpid(), signal.SIGINT)
time.sleep(5)
