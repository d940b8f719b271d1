"""An artifact written by several hands (upsert, finish) and one with the same content twice."""
from pathlib import Path
import wandb

run = wandb.init(id="draft")
Path("f.txt").write_text("same\n")
for _ in range(2):
    artifact = wandb.Artifact("twice", type="t")
    artifact.add_file("f.txt")
    run.log_artifact(artifact)
shared = wandb.Artifact("shared", type="t")
shared.add_file("f.txt")
run.upsert_artifact(shared, distributed_id="group-1")
final = wandb.Artifact("shared", type="t")
run.finish_artifact(final, distributed_id="group-1")
run.finish()
