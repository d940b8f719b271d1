"""Files of a run: media, and what is saved with each policy."""

import os

import numpy as np
import wandb
from support import case, main, start


@case
def media(name):
    with start(name) as run:
        pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3) % 250
        run.log({"image": wandb.Image(pixels, caption="c"), "several": [wandb.Image(pixels), wandb.Image(pixels[:5])]})
        run.log({"histogram": wandb.Histogram(np.arange(100))})
        run.log({"html": wandb.Html("<p>hello</p>")})


@case
def save_policies(name):
    with start(name) as run:
        for policy in ("now", "live", "end"):
            os.makedirs("saved", exist_ok=True)
            with open(f"saved/{policy}.txt", "w") as file:
                file.write(f"content of {policy}")
            run.save(f"saved/{policy}.txt", base_path="saved", policy=policy)
        run.log({"x": 1})
        for policy in ("live", "end"):
            with open(f"{run.dir}/{policy}.txt", "w") as file:
                file.write(f"final content of {policy}")


@case
def ignored(name):
    with start(name, settings={"ignore_globs": ["*.skip"]}) as run:
        for end in ("skip", "keep"):
            with open(f"{run.dir}/file.{end}", "w") as file:
                file.write(end)
            run.save(f"{run.dir}/file.{end}", base_path=run.dir)
        run.log({"x": 1})


@case
def odd_files(name):
    with start(name) as run:
        os.makedirs(f"{run.dir}/ä b", exist_ok=True)
        for path, content in {"empty.txt": "", "ä b/c d.txt": "text", "per%20cent.txt": "%"}.items():
            with open(f"{run.dir}/{path}", "w") as file:
                file.write(content)
            run.save(f"{run.dir}/{path}", base_path=run.dir, policy="end")


@case
def stats(name):
    settings = {"x_disable_stats": False, "x_stats_sampling_interval": 0.5, "x_stats_gpu_count": 0}
    with start(name, settings=settings) as run:
        import time

        time.sleep(1.5)
        run.log({"x": 1})


main()
