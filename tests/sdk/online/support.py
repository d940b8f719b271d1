"""What the online scripts share: cases, how a run starts, and the server's test controls.

A script is a list of cases, functions under `@case`; each has runs of its own, named after it, so that many cases share one
process. `main()` runs them in their order and prints a line before each, so that what the SDK says can be told apart.
"""

import json
import os
import subprocess
import sys
import urllib.request

import wandb

BASE = os.environ["RUNWIRE_SERVER"]
FAST = {
    "x_file_stream_transmit_interval": 1,
    "x_file_stream_retry_wait_min_seconds": 1,
    "x_graphql_retry_wait_min_seconds": 1,
    "x_file_transfer_retry_wait_min_seconds": 1,
}
_cases = []


def case(function):
    """Marks a case. Its function takes the case's name."""
    _cases.append(function)
    return function


def main():
    """Runs all cases, or those named on the command line."""
    for each in _cases:
        if len(sys.argv) > 1 and each.__name__ not in sys.argv[1:]:
            continue
        for stream in (sys.stdout, sys.stderr):
            print(f"=== {each.__name__}", file=stream, flush=True)
        each(each.__name__)
    for stream in (sys.stdout, sys.stderr):
        print("=== end", file=stream, flush=True)


def start(run_id, /, *, console="off", settings=None, **how):
    """A run with this id and name, unless it is told otherwise."""
    how = {"id": run_id, "name": run_id, "project": "online"} | how
    return wandb.init(settings=wandb.Settings(console=console, **(FAST | (settings or {}))), **how)


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def state(name):
    """What the server has of a run."""
    return ask("GET", f"/_runwire/state/local/online/{name}")


def requests(on):
    return ask("GET", f"/_runwire/requests?on={on}")


def again(*arguments):
    """Runs this script once more in a process and a sidecar of its own; gives its exit code."""
    env = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    return subprocess.run([sys.executable, sys.argv[0], *arguments], env=env).returncode
