#: files_race
#: env WANDB_DISABLE_GIT=false
#: env GIT_AUTHOR_DATE=2025-01-01T00:00:00Z
#: env GIT_COMMITTER_DATE=2025-01-01T00:00:00Z
"""What git says was changed is saved: against the last commit, and against the upstream branch, which is the same one."""
import shutil
import subprocess
from pathlib import Path

import wandb


def git(*args):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, *args], cwd=tree, check=True, stdout=subprocess.DEVNULL)


tree = Path("tree").resolve()
tree.mkdir()
git("init", "-q", "-b", "main")
(tree / "f").write_text("one\n")
git("add", "f")
git("commit", "-qm", "first")
git("branch", "base")
git("branch", "-q", "--set-upstream-to=base")
(tree / "f").write_text("two\n")
run = wandb.init(id="diff", save_code=True, settings=wandb.Settings(git_root=str(tree), x_save_requirements=False))
run.log({"a": 1})
run.finish()
# The official sidecar refreshes the index, ours leaves it as it is.
shutil.rmtree(tree / ".git")
