"""A config of 3000 keys and one of 300 KB of text."""
import wandb

run = wandb.init(id="bigconfig", config={f"key_{i}": {"v": i, "s": str(i) * 5} for i in range(3000)})
run.config["blob"] = "y" * 300_000
run.log({"a": 1})
run.finish()
