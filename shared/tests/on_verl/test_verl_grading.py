"""Validation scores, exact metrics, references and checkpoint lookup."""

from pathlib import Path

import pytest
import verl_toy
from shared.metrics import pass_at_k
from shared.on_verl import UNLABELLED, Reference
from shared.on_verl.export import export, latest_checkpoint
from shared.on_verl.grading import compute_score, failures
from shared.on_verl.tokenizers import separate_tokenizer
from shared.on_verl.validation import validation_metrics
from shared.training import StepContext


def test_validation_responses_are_graded_and_training_ones_are_not() -> None:
    right = compute_score("toy", "so \\boxed{7}", "7", {"split": "test", "id": "a"})
    wrong = compute_score("toy", "so \\boxed{8}", "7", {"split": "test", "id": "a"})
    silent = compute_score("toy", "", "7", {"split": "test", "id": "a"})
    assert (right["acc"], wrong["acc"], silent["acc"]) == (1.0, 0.0, 0.0)
    assert right["pred"] != wrong["pred"] != "" and silent["outcome"] == "no_answer"
    assert compute_score("toy", "\\boxed{7}", UNLABELLED, {"split": "train"})["outcome"] == "not_graded"


def test_the_sentinel_is_never_verified_as_an_answer() -> None:
    with pytest.raises(ValueError, match="has no label"):
        compute_score("toy", f"\\boxed{{{UNLABELLED}}}", UNLABELLED, {"split": "test", "id": "a"})


def test_validation_metrics_are_the_exact_estimators_per_source() -> None:
    sources = ["s"] * 8 + ["t"] * 4
    uids = ["p"] * 4 + ["q"] * 4 + ["r"] * 4
    acc = [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    pred = ["7", "8", "8", "", "1", "1", "2", "3", "", "", "", ""]
    out = validation_metrics(
        sources, uids, {"acc": acc, "pred": pred, "outcome": ["equal"] * 11 + ["timeout"]}
    )
    expected = pass_at_k([[1, 0, 0, 0], [1, 1, 0, 0]], (2,)).mean()
    assert out["eval/s/pass@2"] == pytest.approx(float(expected)) == pytest.approx((1 / 2 + 5 / 6) / 2)
    assert out["eval/s/maj@4"] == pytest.approx(0.5)  # p elects 8 (wrong), q elects 1 (right)
    assert out["eval/t/pass@1"] == 0.0 and out["eval/t/no_answer"] == 1.0
    assert out["eval/t/verifier_failures"] == 0.25 and out["eval/s/verifier_failures"] == 0.0


def test_a_group_shortened_by_a_failed_rollout_does_not_stop_validation() -> None:
    infos = {"acc": [1, 0, 1], "pred": ["1", "2", "1"], "outcome": ["equal"] * 3}
    out = validation_metrics(["s"] * 3, ["p", "p", "q"], infos)
    assert out["eval/s/n_samples"] == 1.0 and out["eval/s/pass@1"] == 1.0


def test_failures_counts_only_what_broke() -> None:
    assert failures(["equal", "different", "no_answer", "error"]) == 0.25
    assert failures([]) == 0.0


def test_references_call_what_they_name() -> None:
    assert Reference("shared.training:StepContext", (1, 2, 3)).call() == StepContext(1, 2, 3)
    assert Reference("shared.training:StepContext", (3,)).call(1, 2) == StepContext(1, 2, 3)
    with pytest.raises(ValueError, match="has no function nothing"):
        Reference("shared.training:nothing").call()
    with pytest.raises(ValueError, match="not of the form"):
        Reference("shared.training").call()


def test_latest_checkpoint_follows_the_pointer(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "global_step_4"
    (checkpoint / "actor").mkdir(parents=True)
    (tmp_path / "checkpoints" / "latest_checkpointed_iteration.txt").write_text("4")
    assert latest_checkpoint(tmp_path) == latest_checkpoint(checkpoint) == checkpoint
    with pytest.raises(ValueError, match="no verl checkpoint"):
        latest_checkpoint(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="is not empty"):
        export(tmp_path, tmp_path / "checkpoints")


def test_a_generic_tokenizer_is_set_apart_from_its_model_config(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    verl_toy.write_model(tmp_path / "model")
    folder = separate_tokenizer(str(tmp_path / "model"), tmp_path / "run" / "tokenizer")
    assert folder is not None and not (folder / "config.json").exists()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("Say 3 4")["input_ids"] == [verl_toy.WORDS.index(w) for w in ("Say", "3", "4")]
    assert separate_tokenizer("Qwen/Qwen2.5-Math-7B", tmp_path / "other") is None
