"""Settings that change what is recorded: no requirements, no machine info, derived summary on the server."""
import wandb

run = wandb.init(
    id="settings",
    settings=wandb.Settings(x_save_requirements=False, x_disable_machine_info=True, x_server_side_derived_summary=True),
)
run.define_metric("a", summary="max")
run.log({"a": 1, "b": 2})
run.log({"a": 0})
run.summary["mine"] = 1
run.finish()
