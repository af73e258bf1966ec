"""The stages of dvc.yaml and what they share: the environment that libraries read when they are imported.

This file is the one that runs before any of them. They print advice, but a person should see progress and errors only: it is
turned off here. And torch on Linux is told to use huge pages: a training step goes through gigabytes, and looking up pages of
4 kB took two fifths of it (684 against 407 tokens/s in fresh processes, one after the other).
"""

import logging
import os
import warnings

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
