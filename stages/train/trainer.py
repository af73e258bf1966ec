"""TRL's SFT trainer with a loss that runs on any device and computes logits only where there is a label.

TRL 1.15 computes the loss in a Triton kernel, which a CPU does not have. The vocabulary is the widest layer of a small
model and most tokens of a row are prompt: leaving their logits out saves about 15% of a step. The adapter's weights are
kept in float32 while autocast computes in bfloat16: casting its input to float32 and back, as peft does, is left out
(436 against 394 tokens/s on two cores).
"""

from typing import Any

import torch
from peft.helpers import disable_input_dtype_casting
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

from stages.command import Failure

IGNORED = -100


class LabelTrainer(SFTTrainer):
    """Trains on rows that already hold `input_ids` and `labels`."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross-entropy over the labelled tokens of a batch (of all accumulated batches while training).

        Args:
            model: a causal language model.
            inputs: `input_ids` and `labels` of shape (rows, tokens), and what the collator adds.
            return_outputs: also return the model's outputs.
            num_items_in_batch: labels of the whole optimiser step, if the trainer counted them.

        Raises:
            Failure: the loss is not a number.
        """
        labels = inputs.pop("labels")[:, 1:]
        places = (labels != IGNORED).any(dim=0).nonzero().squeeze(1)
        with disable_input_dtype_casting(model):
            outputs = model(**inputs, logits_to_keep=places)
        wanted = labels[:, places]
        total = cross_entropy(outputs.logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum")
        loss = total / (num_items_in_batch if num_items_in_batch is not None else (wanted != IGNORED).sum())
        if not torch.isfinite(loss):
            raise Failure(f"train: the loss is {loss.item()} at step {self.state.global_step}; lower the learning rate")
        return (loss, outputs) if return_outputs else loss
