"""Images, histograms, html and object lists: files below media/ and their records."""
import numpy as np
import wandb

run = wandb.init(id="media")
for step in range(2):
    pixels = np.full((8, 8, 3), 40 * step, dtype=np.uint8)
    run.log({"img": wandb.Image(pixels, caption=f"step {step}"), "hist": wandb.Histogram([1, 2, 2, 3, 3, 3, step])})
run.log({"many": [wandb.Image(np.full((4, 4), i * 20, dtype=np.uint8)) for i in range(3)]})
run.log({"html": wandb.Html("<b>bold</b>", inject=False), "nested": {"img": wandb.Image(np.zeros((4, 4), dtype=np.uint8))}})
boxes = {"pred": {"box_data": [{"position": {"minX": 0, "maxX": 1, "minY": 0, "maxY": 1}, "class_id": 1}], "class_labels": {1: "cat"}}}
run.log({"boxes": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8), boxes=boxes)})
run.summary["final"] = wandb.Histogram([5, 6])
run.finish()
