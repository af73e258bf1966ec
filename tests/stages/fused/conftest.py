"""The small base and the settings of the training tests."""

from tests.stages.train.conftest import lora, machine, tiny

__all__ = ["lora", "machine", "tiny"]
