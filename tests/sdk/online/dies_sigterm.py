#: killed
"""A program that is asked to end, and does."""

import os
import signal
import time

from support import start

run = start("sigterm")
for i in range(20):
    run.log({"x": i})
print("summary", run.summary["x"], flush=True)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(20)
