"""Runs one script on the official SDK with a given sidecar, in a fresh folder, and collects all that can be seen of it.

Two ways to give it the sidecar: as the SDK does itself (`dropin`, the default), or started beforehand and found through
WANDB_SERVICE (`exec`). What is collected is raw; `compare.py` says what counts as equal.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import readlog

HERE = Path(__file__).resolve().parent
# No script takes longer than a few seconds; a loaded machine may stretch that a lot before it is a hang.
PATIENCE_S = 90


def rules_of(script):
    """The `#: name value` lines that open a script: how to run it and what may differ.

    via exec        the sidecar is started beforehand, not by the SDK
    env NAME=VALUE  one more variable; without a value it is taken away
    killed          the script dies at once: ours must have more than the official sidecar
    accepted N      rows that a killed script got rid of before
    sampled         the footer's charts are drawn from a random sample
    files_race      records of files come somewhere between the rows
    unordered       rows race, their order and steps are chance
    racing_runs     whole runs race: lines of the terminal and the links to the latest run are chance
    console_text    the console is cut into records by chance
    random_digests  digests cover random ids
    warnings        how many of many equal warnings come through is chance
    """
    rules = {"via": "dropin", "env": {}, "argv": []}
    for line in Path(script).read_text().splitlines():
        if not line.startswith("#"):
            break
        found = re.fullmatch(r"#: (\w+)(?: (.*))?", line)
        if not found:
            continue
        name, value = found.groups()
        if name == "env":
            rules["env"].update([value.split("=", 1)])
        elif name == "argv":
            rules["argv"] = value.split()
        elif name == "accepted":
            rules["accepted"] = int(value)
        else:
            rules[name] = value or True
    return rules


def environment(root, rules):
    """A small fixed environment: nothing of the caller's but what is needed to start programs."""
    keep = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env |= {
        "HOME": str(root / "home"),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        "TZ": "UTC",
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(root / "work"),
        "WANDB_CACHE_DIR": str(root / "cache"),
        "WANDB_CONFIG_DIR": str(root / "config"),
        "WANDB_DATA_DIR": str(root / "data"),
        "WANDB_ARTIFACT_DIR": str(root / "artifacts"),
        "WANDB_HOST": "testhost",
        "WANDB_USERNAME": "tester",
        "WANDB_PROJECT": "sdk",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
        "WANDB_X_DISABLE_STATS": "true",
        "WANDB_X_DISABLE_META": "true",
    }
    # The SDK's own spelling of private settings is a double underscore; both name the same field.
    env |= {"WANDB__DISABLE_STATS": "true", "WANDB__DISABLE_META": "true"}
    env |= {name: value for name, value in rules["env"].items() if value}
    for name in [name for name, value in rules["env"].items() if not value]:
        env.pop(name, None)
    return env


class Service:
    """The official sidecar started beforehand, as `runwire exec` starts ours."""

    def __init__(self, core, root, env, stdout):
        port_file = root / "port"
        command = [core, "--no-observability", "--port-filename", str(port_file), "--pid", str(os.getpid())]
        self._process = subprocess.Popen(command, env=env, cwd=root / "work", stdout=stdout)
        deadline = time.monotonic() + 30
        while not (port_file.exists() and "EOF" in port_file.read_text()):
            if time.monotonic() > deadline:
                raise TimeoutError("the sidecar wrote no port file in 30 s")
            time.sleep(0.02)
        self._socket = re.search(r"^unix=(.*)$", port_file.read_text(), re.M).group(1)
        self.token = f"3-{os.getpid()}-unix-{self._socket}"

    def teardown(self, exit_code):
        """Asks it to finish what is open and end."""
        import socket

        readlog.official_messages()
        from wandb.proto import wandb_server_pb2 as server

        request = server.ServerRequest()
        request.inform_teardown.exit_code = exit_code
        body = request.SerializeToString()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(self._socket)
            peer.sendall(b"W" + len(body).to_bytes(4, "little") + body)
            self._process.wait(PATIENCE_S)


def run_case(script, sidecar, kind):
    """Runs `script` with `sidecar` (its path; `kind` is "official" or "ours") and returns the collected facts."""
    rules = rules_of(script)
    root = Path(tempfile.mkdtemp(prefix="rw-"))
    try:
        for name in ("home", "work", "cache", "config", "data", "artifacts"):
            (root / name).mkdir()
        return _run(Path(script).resolve(), sidecar, kind, rules, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(script, sidecar, kind, rules, root):
    env = environment(root, rules)
    command = [sys.executable, str(script), *rules["argv"]]
    service = None
    with open(root / "stdout", "wb") as out, open(root / "stderr", "wb") as err:
        if rules["via"] == "dropin":
            env |= {"PYTHONPATH": str(HERE / "dropin"), "RUNWIRE_DROPIN_CORE": str(sidecar)}
        elif kind == "ours":
            command = [str(sidecar), "exec", "--", *command]
        else:
            service = Service(sidecar, root, env, out)
            env["WANDB_SERVICE"] = service.token
        mark = str(root)
        child = subprocess.Popen(
            command,
            env=env | {"RUNWIRE_CASE": mark},
            cwd=root / "work",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        hung = None
        try:
            code = child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            hung, code = "script", None
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if service:
            service.teardown(code or 0)
        if not _all_gone(mark):
            hung = hung or "sidecar"
            for pid in _descendants(mark):
                os.kill(pid, signal.SIGKILL)
    return {
        "script": script.stem,
        "root": str(root),
        "exit": code,
        "hung": hung,
        "stdout": (root / "stdout").read_bytes().decode("utf-8", "replace"),
        "stderr": (root / "stderr").read_bytes().decode("utf-8", "replace"),
        "logs": _logs(root),
        "tree": _tree(root / "work"),
    }


def _descendants(mark):
    """Processes of this case: they carry its mark in their environment (a sidecar outlives a script that was killed)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"RUNWIRE_CASE={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _all_gone(mark):
    deadline = time.monotonic() + PATIENCE_S
    while _descendants(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _logs(root):
    logs = {}
    for path in sorted((root / "work").rglob("*.wandb")):
        if path.parent.is_symlink() or "latest-run" in path.parts:
            continue
        records, damage = readlog.read(path)
        logs[str(path.relative_to(root / "work"))] = {"records": records, "damage": damage}
    return logs


def _tree(top):
    """Every file and link below a folder: text if it is text, else a digest."""
    tree = {}
    for folder, subfolders, names in os.walk(top):
        folder = Path(folder)
        for name in sorted(names) + [each for each in subfolders if (folder / each).is_symlink()]:
            path = folder / name
            where = str(path.relative_to(top))
            if path.is_symlink():
                tree[where] = {"link": os.readlink(path)}
                continue
            data = path.read_bytes()
            try:
                # The logs of the SDK and the sidecar about themselves (wandb/RUN/logs/) are their own business.
                small = len(data) < 400_000 and not name.endswith(".wandb") and where.split("/")[2:3] != ["logs"]
                tree[where] = {"text": data.decode()} if small else {"size": len(data)}
            except UnicodeDecodeError:
                tree[where] = {"digest": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return tree
