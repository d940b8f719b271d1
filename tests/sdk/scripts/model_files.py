"""log_model, and artifacts used, linked or waited for offline: what the SDK refuses, it refuses the same way."""
from pathlib import Path
import wandb

run = wandb.init(id="model")
Path("weights.bin").write_bytes(b"\x00" * 1000)
run.log_model("weights.bin", name="net", aliases=["v-a"])
for action in (lambda: run.use_artifact("other/data:v0"), lambda: run.link_model("weights.bin", "reg/model")):
    try:
        action()
        print("accepted")
    except Exception as error:
        print(type(error).__name__, str(error)[:200])
run.log({"a": 1})
run.finish()
