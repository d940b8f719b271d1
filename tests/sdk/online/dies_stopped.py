"""A run that the server stops: the main thread is interrupted."""

import time

from support import ask, start

run = start("stopped")
run.log({"x": 1})
ask("POST", "/_runwire/settings", {"stop": "local/online/stopped"})
try:
    # The answer to a push carries the wish, and the SDK asks every 15 seconds.
    time.sleep(1.5)
    run.log({"x": 2})
    time.sleep(40)
except KeyboardInterrupt:
    print("interrupted")
run.finish(exit_code=0)
