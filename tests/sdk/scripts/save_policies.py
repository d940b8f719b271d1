"""Saved files under each policy, with a base path and a glob."""
from pathlib import Path
import wandb

run = wandb.init(id="save")
for name in ("now.txt", "live.txt", "end.txt", "glob_a.dat", "glob_b.dat", "sub/deep.txt"):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(f"content of {name}\n")
run.save("now.txt", policy="now")
run.save("live.txt")
run.save("end.txt", policy="end")
run.save("glob_*.dat")
run.save("sub/deep.txt", base_path="sub")
run.save(str(Path("sub/deep.txt").absolute()), base_path=str(Path.cwd()))
Path("live.txt").write_text("changed\n")
Path(run.dir, "own.txt").write_text("already in the files folder\n")
run.save(str(Path(run.dir, "own.txt")))
run.log({"a": 1})
Path("end.txt").write_text("final\n")
run.finish()
