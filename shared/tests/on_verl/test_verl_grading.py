"""Validation scores, exact metrics, references and checkpoint lookup."""

from pathlib import Path

import pytest
from shared.data import UNLABELLED
from shared.metrics import pass_at_k
from shared.on_verl import Reference
from shared.on_verl.export import export, latest_checkpoint
from shared.on_verl.grading import compute_score, failures
from shared.on_verl.judges import end_tokens, response_of
from shared.on_verl.validation import validation_metrics
from shared.problems import FinishReason
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
    assert out["val/s/pass@2"] == pytest.approx(float(expected)) == pytest.approx((1 / 2 + 5 / 6) / 2)
    assert out["val/s/maj@4"] == pytest.approx(0.5)  # p elects 8 (wrong), q elects 1 (right)
    assert out["val/pass@1"] == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    assert out["val/t/pass@1"] == 0.0 and out["val/t/no_answer"] == 1.0
    assert out["val/t/verifier_failures"] == 0.25 and out["val/s/verifier_failures"] == 0.0


def test_a_group_shortened_by_a_failed_rollout_does_not_stop_validation() -> None:
    infos = {"acc": [1, 0, 1], "pred": ["1", "2", "1"], "outcome": ["equal"] * 3}
    out = validation_metrics(["s"] * 3, ["p", "p", "q"], infos)
    assert out["val/n_samples"] == 1.0 and out["val/pass@1"] == 1.0
    assert not any(name.startswith("val/s/") for name in out)  # one source needs no name


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


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [((5, 6, 2), FinishReason.STOP), ((5, 6), FinishReason.LENGTH), ((), FinishReason.LENGTH)],
)
def test_finish_reason_is_read_from_the_last_token(tokens: tuple[int, ...], reason: FinishReason) -> None:
    assert response_of(tokens, "5 6", {2, 9}, (0.0,) * len(tokens)).finish_reason is reason


def test_a_model_may_have_several_end_tokens(tmp_path: Path) -> None:
    from transformers import GenerationConfig

    GenerationConfig(eos_token_id=[7, 9]).save_pretrained(tmp_path / "two")
    GenerationConfig(eos_token_id=7).save_pretrained(tmp_path / "one")
    assert end_tokens(str(tmp_path / "two")) == (7, 9)
    assert end_tokens(str(tmp_path / "one")) == (7,)
    (tmp_path / "none").mkdir()
    assert end_tokens(str(tmp_path / "none")) == ()
