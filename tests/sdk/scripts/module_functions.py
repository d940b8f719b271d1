"""The functions of the module instead of the methods of the run."""
import wandb

wandb.init(id="module", config={"a": 1})
wandb.define_metric("loss", summary="min")
for step in range(3):
    wandb.log({"loss": 3 - step})
wandb.summary["own"] = wandb.config["a"]
wandb.config.update({"b": 2})
print(wandb.run.step, wandb.run.id)
wandb.finish()
