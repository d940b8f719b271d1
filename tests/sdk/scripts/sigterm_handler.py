"""SIGTERM turned into SystemExit, as job managers' users do it."""
import os
import signal
import sys
import time
import wandb

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run = wandb.init(id="handler")
run.log({"a": 1})
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)
