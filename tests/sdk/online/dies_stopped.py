"""A run that the server stops: the main thread is interrupted."""

import time

from support import ask, start

run = start("stopped")
run.log({"x": 1})
ask("POST", "/_runwire/settings", {"stop": "local/online/stopped"})
try:
    for i in range(400):
        run.log({"x": i})
        time.sleep(0.1)
except KeyboardInterrupt:
    print("interrupted")
run.finish(exit_code=0)
