"""An exception inside a `with` block."""
import wandb

with wandb.init(id="withraise") as run:
    run.log({"a": 1})
    raise RuntimeError("inside with")
