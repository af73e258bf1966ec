"""The trainer's arguments: everything that decides the result is set here, nothing is left to a library's default."""

from pathlib import Path

import torch
from trl import SFTConfig

from stages.params import AdapterTraining, Train
from stages.train import backend

FSDP = {  # every decoder layer is shared out, gathered when it is called, and forgotten after
    "version": 2,
    "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "reshard_after_forward": True,
    "state_dict_type": "FULL_STATE_DICT",
}


def _every(steps: int) -> str:
    return "steps" if steps else "epoch"


def settings(section: AdapterTraining, machine: Train, max_seq_len: int, folder: Path, validate: bool) -> SFTConfig:
    """TRL's configuration for one adapter; `folder` takes its checkpoints, `max_seq_len` is in tokens."""
    cpu = not torch.cuda.is_available()
    dtype = backend.dtype_of(machine.dtype)
    best = validate and section.keep == "best"
    shared = machine.launch.strategy == "fsdp"
    told = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=section.epochs,
        max_steps=section.max_steps or -1,
        per_device_train_batch_size=section.batch_size,
        per_device_eval_batch_size=section.batch_size,
        gradient_accumulation_steps=section.accumulation,
        learning_rate=section.learning_rate,
        lr_scheduler_type=section.scheduler,
        warmup_steps=section.warmup_steps,
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        optim=section.optimiser,
        neftune_noise_alpha=section.neftune_alpha or None,
        seed=section.seed,
        data_seed=section.seed,
        full_determinism=True,
        logging_steps=section.log_steps,
        logging_nan_inf_filter=False,
        eval_strategy=_every(section.valid_steps) if validate else "no",
        eval_steps=section.valid_steps or None,
        save_strategy=_every(section.save_steps),
        save_steps=section.save_steps or 500,  # transformers refuses 0 even where it is not used
        save_total_limit=None,  # Seal deletes the old ones, when the new one is whole
        restore_callback_states_from_checkpoint=True,  # the patience that is used up
        load_best_model_at_end=best,
        metric_for_best_model="eval_loss" if best else None,
        greater_is_better=False if best else None,
        report_to="none",
        disable_tqdm=True,
        use_cpu=cpu,
        bf16=not cpu and dtype == torch.bfloat16,  # on a CPU the trainer casts by itself: accelerate would widen all logits
        fp16=not cpu and dtype == torch.float16,
        gradient_checkpointing=machine.gradient_checkpointing,
        max_length=max_seq_len,
        packing=machine.packing,
        train_sampling_strategy="random" if machine.packing else "group_by_length",
        packing_strategy="bfd",
        padding_free=machine.packing,
        eval_packing=machine.packing,
        dataloader_num_workers=0,
        dataloader_pin_memory=not cpu,
        ddp_backend="gloo" if cpu and machine.launch.strategy == "ddp" else None,
        ddp_find_unused_parameters=False if machine.launch.strategy == "ddp" else None,
        fsdp=shared or None,
        fsdp_config=dict(FSDP) if shared else None,
    )
    if cpu and machine.launch.strategy != "none":
        told.__dict__["_setup_devices"] = torch.device("cpu")  # accelerate says cpu:0, which torch.load does not know
    return told
