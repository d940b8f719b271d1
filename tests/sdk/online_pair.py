"""One online script: runs it with the official sidecar and with ours, each against a fresh server, and compares.

Exit status: 0 nobody could tell, 1 somebody could (the lines say where), 2 the suite itself is in trouble.
What comes of the official sidecar is kept in a cache, under a key made of everything that decides it.
"""

import argparse
import hashlib
import json
import os
import sys
import traceback
from pathlib import Path

import online_case
import online_compare
import pair
import run_case


def official_facts(script, core, url, cache):
    """What comes of the official sidecar, from the cache if it is there."""
    here = Path(__file__).resolve().parent
    digest = hashlib.sha256(pair.cache_key(script).encode())
    for path in (here / "online_case.py", here / "online" / "support.py"):
        digest.update(path.read_bytes())
    path = Path(cache) / f"online-{Path(script).stem}-{digest.hexdigest()[:20]}.json" if cache else None
    if path and path.exists():
        return json.loads(path.read_text())
    facts = online_case.run(script, core, url)
    if path and not facts["hung"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(facts))
        fresh.replace(path)
    return facts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script")
    parser.add_argument("--official", required=True, help="path of the official sidecar")
    parser.add_argument("--ours", required=True, help="path of our program")
    parser.add_argument("--official-url", required=True, help="a server with test controls, for the official sidecar")
    parser.add_argument("--ours-url", required=True, help="another one, for ours")
    parser.add_argument("--cache", help="folder for the official results")
    parser.add_argument("--show", action="store_true", help="print what was collected with ours")
    args = parser.parse_args()
    official = official_facts(args.script, args.official, args.official_url, args.cache)
    ours = online_case.run(args.script, args.ours, args.ours_url)
    if args.show:
        print(json.dumps(ours, indent=1, ensure_ascii=False))
    if not Path(args.script).stem.startswith("dies_"):
        # Two scripts that fail in the same way are equal and show nothing.
        for side, facts in (("official", official), ("ours", ours)):
            if facts["exit"] != 0:
                raise RuntimeError(f"{args.script} fails with {side}:\n{facts['stderr'][-3000:]}")
    found = online_compare.differences(official, ours, run_case.rules_of(args.script))
    return pair.report(args.script, found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:
        traceback.print_exc(file=sys.stdout)
        sys.exit(2)
