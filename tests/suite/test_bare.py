"""A function and a table, without a YAML file."""

import json
from pathlib import Path

import pytest
from PIL import Image

import harness
from harness.errors import UsageError
from harness.suite.adapters import read_adapter

MODEL = 'def answer(prompt, images):\n    return prompt.split()[-1].rstrip("?")\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "model.py").write_text(MODEL)
    rows = "".join(f"a.png,How many in {i}?,{i}\n" for i in range(4))
    (tmp_path / "questions.csv").write_text(f"image,question,answer\n{rows}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_and_a_function_run_without_yaml_and_the_record_says_that_the_metric_is_guessed(here, run_here) -> None:
    done = run_here("run", "--data", "questions.csv", "-a", "model.py:answer", "-q")
    assert done.code == 0, done.err
    assert "the metric is guessed: relaxed_accuracy, exact_match" in done.err
    run = harness.load_run("@latest:model-answer")
    assert run.metrics["questions/exact_match"].value == 1.0
    assert "the metric is guessed" in run.record.suite.content["description"]
    assert run_here("report", "@1", "--pictures").code == 0


def test_what_is_guessed_is_what_init_writes(here, run_here) -> None:
    assert run_here("init", "--from", "csv", "questions.csv").code == 0
    written = harness.load_suite("suites/questions.yaml", [here])
    made = harness.load_suite(data="questions.csv")
    assert written.spec.tasks["questions"] == made.spec.tasks["questions"]


def test_answers_in_words_are_compared_exactly_and_columns_can_be_named(here: Path) -> None:
    (here / "labels.csv").write_text("image,species\na.png,cat\n")
    with pytest.raises(UsageError, match="--field answer=COLUMN"):
        harness.load_suite(data="labels.csv")
    suite = harness.load_suite(data="labels.csv", fields={"answer": "species"})
    assert suite.spec.tasks["labels"]["metrics"] == ["exact_match"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-a", "model.py:answer"], "give a suite, or data"),
        (["robustness", "--data", "questions.csv", "-a", "model.py:answer"], "give a suite, or data"),
        (["--data", "gone.csv", "-a", "model.py:answer"], "there is no file gone.csv"),
        (["--data", "questions.csv", "-a", "gone.py:answer"], "there is no file gone.py, whose answer was to be"),
        (["--data", "questions.csv", "-a", "model.py:gone"], "model.py has no gone"),
        (["robustness", "--field", "a=b", "-a", "mock"], "--field says which column of --data"),
    ],
)
def test_a_mistake_is_a_sentence(here, run_here, arguments: list[str], said: str) -> None:
    done = run_here("run", "-q", *arguments)
    assert done.code == 2 or "has no gone" in said
    assert said in done.err


def test_a_function_is_the_same_adapter_as_its_file(here: Path) -> None:
    (here / "model.yaml").write_text("adapter: model-answer\ntype: python\ntarget: model.py:answer\n")
    bare, filed = read_adapter("model.py:answer"), read_adapter("model.yaml")
    assert bare.describe() == filed.describe()
    assert bare.load().fingerprint() == filed.load().fingerprint()
    assert read_adapter(str(bare.file)).describe() == filed.describe()


@pytest.mark.parametrize(
    ("saved", "files", "kind"),
    [
        ("LlavaForConditionalGeneration", ["model-00001-of-00002.safetensors"], "transformers"),
        ("Qwen2VLForConditionalGeneration", ["model.safetensors", "onnx/vision_encoder.onnx"], "transformers"),
        ("Qwen2VLForConditionalGeneration", ["onnx/vision_encoder.onnx"], "onnx"),
        ("ViTForImageClassification", ["pytorch_model.bin"], "classifier"),
        ("ViTForImageClassification", ["onnx/model.onnx"], "onnx_classifier"),
        ("InternVLForConditionalGeneration", ["onnx/vision_encoder.onnx"], "onnx_vlm"),
    ],
)
def test_a_checkpoint_is_an_adapter_by_its_folder_alone(here: Path, saved: str, files: list[str], kind: str) -> None:
    for file in files:
        (here / "my model" / file).parent.mkdir(parents=True, exist_ok=True)
        (here / "my model" / file).touch()
    model_type = "qwen2_vl" if "Qwen" in saved else "other"
    (here / "my model" / "config.json").write_text(json.dumps({"model_type": model_type, "architectures": [saved]}))
    (here / "filed.yaml").write_text(f"adapter: my-model\ntype: {kind}\nmodel: my model\n")
    bare, filed = read_adapter("my model"), read_adapter("filed.yaml")
    assert bare.describe() == filed.describe()
    assert read_adapter(str(bare.file)).describe() == filed.describe()
    (here / "my model" / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="unknown adapter"):
        read_adapter("my model")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_names(shell: str, run_here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HARNESS_COMPLETE", f"{shell}_source")
    assert f"_HARNESS_COMPLETE={shell}_complete" in run_here().out
    monkeypatch.setenv("_HARNESS_COMPLETE", f"{shell}_complete")
    for words, last, expected in (("harness doc", "doc", "doctor"), ("harness run -a onnx-i", "onnx-i", "onnx-int8")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", last if shell == "fish" else str(len(words.split()) - 1))
        done = run_here()
        assert done.code == 0
        assert expected in done.out
