#: killed
"""A program that is killed."""

import os
import signal

from support import start

run = start("sigkill")
for i in range(100):
    run.log({"x": i})
print("summary", run.summary["x"])
os.kill(os.getpid(), signal.SIGKILL)
