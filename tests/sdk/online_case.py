"""Runs one online script with one sidecar against one fresh server, and collects what can be seen of it: what the server
has of each run in the end, the exit code, and what was printed. What is collected is raw; `online_compare.py` compares.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import run_case

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "online"


def environment(root, rules, url, core):
    """As offline, but with a server."""
    env = run_case.environment(root, rules)
    del env["WANDB_MODE"], env["WANDB_PROJECT"]
    return env | {
        "PYTHONPATH": os.pathsep.join([str(HERE / "dropin"), str(SCRIPTS)]),
        "RUNWIRE_DROPIN_CORE": str(core),
        "RUNWIRE_SERVER": url,
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": "a" * 40,
        "WANDB_ENTITY": "local",
    }


def run(script, core, url):
    """The facts of one script; `rules` are those of the offline suite."""
    rules = run_case.rules_of(script)
    root = Path(tempfile.mkdtemp(prefix="rw-"))
    try:
        for name in ("home", "work", "cache", "config", "data", "artifacts"):
            (root / name).mkdir()
        return _run(Path(script).resolve(), core, url, rules, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(script, core, url, rules, root):
    mark = str(root)
    env = environment(root, rules, url, core) | {"RUNWIRE_CASE": mark}
    with open(root / "stdout", "wb") as out, open(root / "stderr", "wb") as err:
        child = subprocess.Popen(
            [sys.executable, "-B", str(script)],
            env=env,
            cwd=root / "work",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        hung = None
        try:
            code = child.wait(run_case.PATIENCE_S)
        except subprocess.TimeoutExpired:
            hung, code = "script", None
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if not run_case._all_gone(mark):
            hung = hung or "sidecar"
            for pid in run_case._descendants(mark):
                os.kill(pid, signal.SIGKILL)
    return {
        "script": script.stem,
        "root": mark,
        "url": url,
        "exit": code,
        "hung": hung,
        "stdout": (root / "stdout").read_bytes().decode("utf-8", "replace"),
        "stderr": (root / "stderr").read_bytes().decode("utf-8", "replace"),
        "runs": _runs(url),
    }


def _runs(url):
    """What the server has of every run that was told to it."""
    names = set()
    for request in _ask(url, "/_runwire/requests?on=graphql:UpsertBucket"):
        bucket = ((request["response"] or {}).get("data") or {}).get("upsertBucket") or {}
        bucket = bucket.get("bucket")
        if bucket:
            names.add((bucket["project"]["entity"]["name"], bucket["project"]["name"], bucket["name"]))
    return {"/".join(name): _ask(url, "/_runwire/state/" + "/".join(map(urllib.parse.quote, name))) for name in sorted(names)}


def _ask(url, path):
    with urllib.request.urlopen(url + path) as answer:
        return json.load(answer)
