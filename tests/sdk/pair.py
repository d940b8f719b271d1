"""One case of the suite: runs a script with the official sidecar and with ours, compares, prints the differences.

Exit status: 0 the SDK could not tell, 1 it could (the lines say where), 2 the suite itself is in trouble.
What the official sidecar does with a script is kept in a cache, under a key made of everything that decides it.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import traceback
from importlib import metadata
from pathlib import Path

import compare
import run_case

HERE = Path(__file__).resolve().parent


def cache_key(script):
    """Changes with the script, the way it is run, and the versions of what runs it."""
    digest = hashlib.sha256()
    for path in (script, HERE / "run_case.py", HERE / "readlog.py", HERE / "tfevents.py", HERE / "dropin" / "sitecustomize.py"):
        digest.update(Path(path).read_bytes())
    installed = sorted(f"{each.name}=={each.version}" for each in metadata.distributions())
    digest.update(f"{platform.python_version()} {sys.executable} {script} {installed}".encode())
    return digest.hexdigest()[:20]


def official_facts(script, core, cache):
    """What the official sidecar does with the script, from the cache if it is there."""
    path = Path(cache) / f"{Path(script).stem}-{cache_key(script)}.json" if cache else None
    if path and path.exists():
        return json.loads(path.read_text())
    facts = run_case.run_case(script, core, "official")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(facts))
        fresh.replace(path)
    return facts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script")
    parser.add_argument("--official", required=True, help="path of the official sidecar")
    parser.add_argument("--ours", required=True, help="path of our program; the official sidecar again tries the suite itself")
    parser.add_argument("--cache", help="folder for the official results")
    parser.add_argument("--show", action="store_true", help="print what was collected with ours")
    args = parser.parse_args()
    rules = run_case.rules_of(args.script)
    same = os.path.realpath(args.ours) == os.path.realpath(args.official)
    official = official_facts(args.script, args.official, args.cache)
    ours = run_case.run_case(args.script, args.ours, "official" if same else "ours")
    if args.show:
        print(json.dumps(ours, indent=1, ensure_ascii=False))
    found = compare.differences(official, ours, rules, same_sidecar=same)
    return report(args.script, found)


def report(script, found):
    """Prints what was found; the exit code says whether there was anything."""
    name = Path(script).stem
    if not found:
        print(f"{name}: no difference")
        return 0
    print(f"{name}: {len(found)} difference(s)")
    for line in found:
        print("  " + line)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:
        traceback.print_exc(file=sys.stdout)
        sys.exit(2)
