"""Token rows to one LoRA adapter."""
