"""The stages of dvc.yaml and what they share.

Libraries print advice when they are imported. A person should see progress and errors only, so it is turned off here:
this file is the one that runs before any of them.
"""

import logging
import os
import warnings

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
