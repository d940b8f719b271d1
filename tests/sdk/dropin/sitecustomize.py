"""Makes the official SDK start the sidecar named by RUNWIRE_DROPIN_CORE instead of its own; the SDK is otherwise untouched.

Python imports this module by itself when the folder is on PYTHONPATH, in child processes too.
"""

import importlib.abc
import importlib.machinery
import os
import sys


class _CorePath(importlib.abc.MetaPathFinder):
    """Waits for `wandb.util` and replaces the one function that says where the sidecar is."""

    def __init__(self, core):
        self._core = core

    def find_spec(self, name, path, target=None):
        if name != "wandb.util":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        original = spec.loader.exec_module

        def exec_module(module):
            original(module)
            module.get_core_path = lambda: self._core

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("RUNWIRE_DROPIN_CORE"):
    sys.meta_path.insert(0, _CorePath(os.environ["RUNWIRE_DROPIN_CORE"]))
