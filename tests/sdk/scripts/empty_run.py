"""Nothing at all between init and finish."""
import wandb

wandb.init(id="empty").finish()
