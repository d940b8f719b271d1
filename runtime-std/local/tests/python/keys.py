"""A key that is not on the list; the server of this script has one key."""

import os
import time

import wandb
from helper import FAST, requests

good = os.environ["WANDB_API_KEY"]
with wandb.init(project="p", id="r", settings=wandb.Settings(**FAST)) as run:
    run.log({"x": 1})
assert wandb.Api().run("local/p/r").state == "finished"

wandb.teardown()
os.environ["WANDB_API_KEY"] = "b" * 40
started = time.monotonic()
try:
    wandb.init(project="p", settings=wandb.Settings(**FAST))
except wandb.errors.Error:
    pass
else:
    raise AssertionError("a wrong key was let in")
assert time.monotonic() - started < 15
try:
    wandb.login(key="c" * 40, verify=True, relogin=True)
except wandb.errors.AuthenticationError:
    pass
else:
    raise AssertionError("a wrong key was verified")
assert {request["auth"] for request in requests("graphql:Viewer")} == {"ok", "bad"}
