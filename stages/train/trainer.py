"""TRL's SFT trainer with a loss that runs on any device and computes logits only where there is a label.

TRL 1.15 computes the loss in a Triton kernel, which a CPU does not have. The vocabulary is the widest layer of a small
model and most tokens of a row are prompt: leaving their logits out saves about 15% of a step. The adapter's weights are
kept in float32 while autocast computes in bfloat16: casting its input to float32 and back, as peft does, is left out
(436 against 394 tokens/s on two cores).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from peft.helpers import disable_input_dtype_casting
from peft.optimizers import create_loraplus_optimizer
from trl import SFTTrainer

from stages.checkpoint import IGNORED
from stages.command import Failure
from stages.fused.loss import summed_cross_entropy
from stages.train.cores import Cores
from stages.train.rows import SeededByEpoch


class LabelTrainer(SFTTrainer):
    """Trains on rows that already hold `input_ids` and `labels`."""

    def __init__(
        self, args: Any, lora_plus_ratio: float, dtype: torch.dtype, tail: bool, owner: Callable[[list[int], str], list[str]],
        cores: Cores | None, **kwargs: Any,
    ) -> None:  # fmt: skip
        args._n_gpu = min(args.n_gpu, 1)  # several are for train.launch; transformers would share out every batch among them
        self._lora_plus_ratio = lora_plus_ratio
        self._dtype = dtype  # that products are computed in
        self._tail = tail  # the model takes a number of last places only, as unsloth's does: it leaves no logits for others
        self._owner = owner  # token ids of a row, and its split -> the examples in it
        self._cores = cores  # that share out the rows of a batch; None: torch shares out every operation
        self._last: list[torch.Tensor] = []  # token ids of the last batches
        super().__init__(args=args, **kwargs)

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
        if model.training:
            self._last = [*self._last, inputs["input_ids"]][-self.args.gradient_accumulation_steps :]
        outputs = None
        # gradient checkpointing computes the forward pass again later, outside of this context: then types would differ
        with nullcontext() if self.args.gradient_checkpointing else disable_input_dtype_casting(model):
            if self._cores and model.training and not return_outputs:
                trained = [weight for weight in model.parameters() if weight.requires_grad]
                total = self._cores.loss(lambda rows: self._summed(model, rows)[0], inputs, trained)
            else:
                total, outputs = self._summed(model, inputs)
        loss = total / ((inputs["labels"][:, 1:] != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)
        if num_items_in_batch is not None and self.args.world_size > 1:
            loss = loss * self.args.world_size  # the labels are those of all processes, and gradients are averaged over them
        if not torch.isfinite(loss):
            raise self._broken(f"the loss is {loss.item()}", [inputs["input_ids"]], "train" if model.training else "valid")
        return (loss, outputs) if return_outputs else loss

    def _summed(self, model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, Any]:
        """The cross-entropy summed over the labelled tokens of rows, and the model's outputs."""
        labels = inputs["labels"][:, 1:]
        places = (labels != IGNORED).any(dim=0).nonzero().squeeze(1)
        if self._tail:
            places = torch.arange(int(places[0]), labels.shape[1], device=labels.device)
        given = {name: tensor for name, tensor in inputs.items() if name != "labels"}
        with torch.autocast("cpu", torch.bfloat16, enabled=self._dtype == torch.bfloat16 and self.args.use_cpu):
            outputs = model(**given, logits_to_keep=len(places) + 1 if self._tail else places)
        logits = outputs.logits[:, : len(places)]
        return summed_cross_entropy(logits.flatten(0, 1), labels[:, places].flatten()), outputs

    def _run_epoch(self, **options: Any) -> None:
        # transformers takes one step too many when it goes on from the checkpoint of the last one
        if not self.state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
            super()._run_epoch(**options)

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        scaler = self.accelerator.scaler  # float16 looks for its scale: it overflows and skips steps until it has found it
        if not torch.isfinite(norm) and (scaler is None or scaler.get_scale() < 1):
            raise self._broken(f"the norm of the gradient is {norm.item()}", self._last, "train")
        return norm

    def _broken(self, fault: str, batches: list[torch.Tensor], split: str) -> Failure:
        step = self.state.global_step
        when = f"at step {step + 1}" if split == "train" else f"in the validation after step {step}"
        named = sorted({name for ids in batches for row in ids.tolist() for name in self._owner(row, split)})
        return Failure(
            f"train: {fault} {when}, in a batch of {', '.join(named)}; look at these examples, or lower learning_rate"
        )

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimiser of the settings; with a ratio above 1, lora_B learns that much faster (LoRA+, arXiv 2402.12354)."""
        if self._lora_plus_ratio > 1:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            rate = options.pop("lr")
            self.optimizer: torch.optim.Optimizer | None = create_loraplus_optimizer(
                self.model, kind, lr=rate, loraplus_lr_ratio=self._lora_plus_ratio,
                loraplus_weight_decay=self.args.weight_decay, **options,
            )  # fmt: skip
        return super().create_optimizer(model)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return SeededByEpoch(train_dataset if train_dataset is not None else self.train_dataset, size, self.args.data_seed)
