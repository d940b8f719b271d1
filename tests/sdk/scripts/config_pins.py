"""Config from a file and from defaults, pinned keys, and a change that is refused."""
from pathlib import Path
import wandb

Path("config-defaults.yaml").write_text("from_file:\n  value: 5\nlr:\n  value: 9\n")
run = wandb.init(id="pins", config={"lr": 0.1}, config_exclude_keys=["secret"])
run.config.update({"sub": {"a": 1}})
run.pin_config_keys(["lr", "sub.a"])
try:
    run.config.lr = 0.2
except Exception as error:
    print(type(error).__name__, error)
print(dict(run.config))
run.finish()
