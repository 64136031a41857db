"""A tokenizer folder that every library loads as what it is.

For model types that transformers 5.10 lists as mislabelled on the hub (``qwen2`` among them),
``AutoTokenizer`` ignores the saved tokenizer class and loads the family's own, which silently
misreads a tokenizer of ours. Without a model config beside it, the saved class is trusted; verl
takes such a folder as ``model.tokenizer_path``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

_GENERIC = ("TokenizersBackend", "PreTrainedTokenizerFast")


def separate_tokenizer(model: str, folder: Path) -> Path | None:
    """Copy the tokenizer of a local model folder to ``folder`` if its class is a generic one.

    Returns None where nothing needs to be done: a hub id, or a family's own tokenizer class.
    """
    settings = Path(model) / "tokenizer_config.json"
    if not settings.is_file() or json.loads(settings.read_text()).get("tokenizer_class") not in _GENERIC:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    names = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
    for name in names:
        if (Path(model) / name).is_file():
            shutil.copyfile(Path(model) / name, folder / name)
    return folder
