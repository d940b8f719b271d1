"""Rows of several megabytes."""
import wandb

run = wandb.init(id="bigrow")
run.log({"blob": "z" * 4_000_000, "a": 1})
run.log({f"list{i}": list(range(2000)) for i in range(100)})
run.log({"a": 2, "blob": "small"})
run.finish()
