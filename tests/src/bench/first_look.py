"""Starts a sidecar N times with the SDK's own code and counts how often its first look finds the port file.

Arguments: program, N. Prints one JSON object: {"looks": N, "first": hits, "launch_ms": [...]}.
The SDK sleeps only after a look that found nothing, so a launch without a sleep is a hit.
"""

import json
import sys
import time
import types

from wandb.sdk.lib.service import service_port_file, service_process

program, count = sys.argv[1], int(sys.argv[2])
sleeps = 0


def counting_sleep(seconds):
    global sleeps
    sleeps += 1
    time.sleep(seconds)


service_port_file._SLEEP = counting_sleep
service_process.get_core_path = lambda: program
settings = types.SimpleNamespace(x_service_wait=30.0)

first, launch_ms = 0, []
for _ in range(count):
    sleeps = 0
    begin = time.monotonic()
    started = service_process.start(settings)
    launch_ms.append((time.monotonic() - begin) * 1e3)
    first += sleeps == 0
    started._process.terminate()
    started.join()

print(json.dumps({"looks": count, "first": first, "launch_ms": launch_ms}))
