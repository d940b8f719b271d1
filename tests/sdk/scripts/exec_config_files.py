#: via exec
"""Through a sidecar that was started beforehand: saved files, an artifact and a table."""
from pathlib import Path
import wandb

run = wandb.init(id="execfiles", config={"a": {"b": 1}})
Path("saved.txt").write_text("x\n")
run.save("saved.txt", policy="now")
run.log({"tab": wandb.Table(columns=["a"], data=[[1]])})
artifact = wandb.Artifact("one", type="t")
artifact.add_file("saved.txt")
run.log_artifact(artifact)
run.finish()
