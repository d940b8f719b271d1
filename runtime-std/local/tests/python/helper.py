"""What the scripts share: the server's state and its test controls."""

import json
import os
import urllib.error
import urllib.request

BASE = os.environ["WANDB_BASE_URL"]
FAST = {
    "x_file_stream_transmit_interval": 1,
    "x_file_stream_retry_wait_min_seconds": 1,
    "x_graphql_retry_wait_min_seconds": 1,
    "x_file_transfer_retry_wait_min_seconds": 1,
    "x_disable_stats": True,
}


def _ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def state(path):
    """The run `entity/project/run` as the server has it."""
    return _ask("GET", f"/_runwire/state/{path}")


def fault(**fields):
    _ask("POST", "/_runwire/faults", fields)


def settings(**fields):
    _ask("POST", "/_runwire/settings", fields)


def requests(on):
    return _ask("GET", f"/_runwire/requests?on={on}")


def forget():
    _ask("DELETE", "/_runwire/requests")


def metrics(rows, *names):
    """The rows of a history without times, and without rows that have none of the names."""
    return [[row.get(name) for name in names] for row in rows if any(name in row for name in names)]
