"""Values that are no plain numbers: numpy scalars and arrays, bool, None, strings, lists, tuples, sets of types."""
import datetime
import numpy as np
import wandb

run = wandb.init(id="typed", config={"np": np.float32(0.1), "arr": np.arange(3), "t": (1, 2), "n": None, "b": True})
run.log({"f16": np.float16(0.1), "f32": np.float32(0.1), "f64": np.float64(0.1), "i8": np.int8(-3), "u64": np.uint64(2**64 - 1)})
run.log({"b": True, "nb": np.bool_(False), "none": None, "s": "text", "l": [1, 2, 3], "t": (1, "a"), "d": datetime.date(2020, 1, 2)})
run.log({"zero_d": np.array(5), "one_d": np.arange(4), "two_d": np.eye(2)})
run.log({"none": 1, "b": 0})
run.finish()
