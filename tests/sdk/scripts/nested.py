"""Nested values: dicts, empty dicts, lists of dicts, keys with dots and slashes, leaf and subtree in turn."""
import wandb

run = wandb.init(id="nested")
run.log({"train": {"loss": 1.5, "acc": {"top1": 0.5, "top5": 0.75}}, "empty": {}})
run.log({"train": {"loss": 1.25}, "a.b": 1, "a/b": 2, "list": [1, {"x": 2}, [3]]})
run.log({"mix": 1})
run.log({"mix": {"now": {"a": "tree"}}})
run.log({"mix": 2})
run.log({"only": {"empties": {}}})
run.log({"after": 1})
run.finish()
