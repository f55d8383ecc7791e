from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceTrainer
from transformers import BertForMaskedLM, GPT2Config, T5Config

from classifiers.encoders import fingerprint, resolve
from classifiers.transformer_models import load_model, load_tokenizer
from prompts.errors import ClassifierError
from tests.tiny_encoders import make_encoder

WORDS = ["blocks", "cars", "memo"]
COMMIT = "c" * 40
REVISIONS = ("main", "v1", COMMIT)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder") / "bert", WORDS)


@pytest.fixture
def copy(encoder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(encoder, tmp_path / "copy")


def test_a_folder_with_an_encoder_is_taken_as_it_is(encoder: Path) -> None:
    assert resolve(str(encoder)) == encoder


@pytest.mark.parametrize(
    "base", ["./nowhere", "/nowhere/at/all", "~/nowhere", "models/no/where", r"C:\models"]
)
def test_a_path_that_is_not_there_is_not_looked_up_on_a_hub(base: str) -> None:
    with pytest.raises(ClassifierError, match="no such folder"):
        resolve(base)


def test_a_folder_without_a_config_is_refused(copy: Path) -> None:
    (copy / "config.json").unlink()
    with pytest.raises(ClassifierError, match=r"has no config\.json"):
        resolve(str(copy))


def test_a_folder_without_weights_says_which_file_to_download(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ClassifierError, match=r"has no model\.safetensors; download that file"):
        resolve(str(copy))


def test_pickled_weights_are_refused_with_a_command_that_converts_them(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    torch.save(weights, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ClassifierError, match="a pickle, which is never loaded") as refusal:
        resolve(str(copy))
    program = str(refusal.value).partition('python -c "')[2].removesuffix('"')
    subprocess.run([sys.executable, "-c", program], cwd=copy, check=True, timeout=120)
    assert resolve(str(copy)) == copy
    converted = load_file(copy / "model.safetensors")
    assert all(torch.equal(converted[name], tensor) for name, tensor in weights.items())
    assert load_model(copy, ["a", "b"]).config.num_labels == 2


@pytest.mark.parametrize("config", [GPT2Config(), T5Config()], ids=["decoder", "encoder-decoder"])
def test_a_model_that_is_no_encoder_is_refused(config: GPT2Config | T5Config, copy: Path) -> None:
    config.save_pretrained(copy)
    with pytest.raises(ClassifierError, match="not an encoder for sequence classification"):
        resolve(str(copy))


def test_code_from_the_folder_is_never_run(copy: Path) -> None:
    ran = copy / "ran"
    (copy / "own.py").write_text(f"open({str(ran)!r}, 'w')", encoding="utf-8")
    _change_config(copy, model_type="own", auto_map={"AutoConfig": "own.Config", "AutoModel": "own.Model"})
    with pytest.raises(ClassifierError, match=r"auto_map.*never run"):
        resolve(str(copy))
    assert not ran.exists()


def test_an_unknown_architecture_is_named(copy: Path) -> None:
    _change_config(copy, model_type="bert-2030")
    with pytest.raises(ClassifierError, match=r"'bert-2030'.*update transformers"):
        resolve(str(copy))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_config_that_is_no_json_object_is_refused(copy: Path, text: str) -> None:
    (copy / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ClassifierError, match="not a JSON object"):
        resolve(str(copy))


def test_a_folder_without_a_tokenizer_is_refused(copy: Path) -> None:
    # transformers would make one that knows no word and give every text the same tokens.
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").unlink()
    with pytest.raises(ClassifierError, match=r"has no tokenizer; download tokenizer\.json"):
        resolve(str(copy))


@pytest.mark.parametrize("text", ["{", "{}", '{"added_tokens": [], "model": {"type": "none"}}'])
def test_a_damaged_tokenizer_is_refused(copy: Path, text: str) -> None:
    (copy / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(ClassifierError, match="no tokenizer that can be loaded"):
        resolve(str(copy))


def test_damaged_weights_are_refused_when_they_are_loaded(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ClassifierError, match="cannot be loaded"):
        load_model(copy, ["a", "b"])


def _change_weights(folder: Path, change: Callable[[str], str]) -> None:
    weights = load_file(folder / "model.safetensors")
    renamed = {change(name): tensor for name, tensor in weights.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})


def test_an_encoder_that_would_begin_at_random_is_refused(copy: Path) -> None:
    _change_weights(copy, lambda name: name.replace("encoder.layer.0.output", "body.0"))
    with pytest.raises(ClassifierError, match=r"do not fit its config\.json \(4 missing .*'bert\.encoder"):
        load_model(copy, ["a", "b"])


def test_an_encoder_of_another_size_than_its_config_says_is_refused(copy: Path) -> None:
    _change_config(copy, intermediate_size=48)
    with pytest.raises(ClassifierError, match=r"do not fit its config\.json .*or of another size"):
        load_model(copy, ["a", "b"])


def test_a_checkpoint_of_a_masked_language_model_with_the_old_names_loads_whole(copy: Path) -> None:
    # As bert-base-chinese is: a prefix, LayerNorm.gamma and .beta, a head that is not wanted, no pooler.
    exact = load_model(copy, ["a", "b"])
    model = BertForMaskedLM(exact.config)
    model.bert.load_state_dict(exact.bert.state_dict(), strict=False)
    model.save_pretrained(copy)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def renamed(name: str) -> str:
        for now, before in old.items():
            name = name.replace(now, before)
        return name

    _change_weights(copy, renamed)
    assert any(name.endswith("LayerNorm.gamma") for name in load_file(copy / "model.safetensors"))
    loaded = load_model(copy, ["a", "b"])
    for name, weight in loaded.bert.state_dict().items():
        if "pooler" not in name:
            assert torch.equal(weight, exact.bert.state_dict()[name]), name


def test_an_encoder_with_sentencepiece_alone_is_read(tmp_path: Path) -> None:
    # As microsoft/deberta-v3-base is: spm.model and no tokenizer.json.
    folder = make_encoder(tmp_path / "deberta", WORDS, "deberta-v2")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "DebertaV2Tokenizer"}), encoding="utf-8"
    )
    SentencePieceTrainer.train(
        sentence_iterator=iter(["fast cars race", "falling blocks", "a memo on cars and blocks"] * 20),
        model_prefix=str(folder / "spm"),
        vocab_size=23,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "spm.vocab").unlink()
    resolve(str(folder))
    tokenizer = load_tokenizer(folder)
    ids = tokenizer("fast cars")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "fast cars"
    assert tokenizer.unk_token_id not in ids


def test_the_fingerprint_follows_the_weights_and_the_tokenizer_but_not_the_place(
    copy: Path, encoder: Path
) -> None:
    assert fingerprint(copy) == fingerprint(encoder)
    (copy / "README.md").write_text("notes", encoding="utf-8")
    assert fingerprint(copy) == fingerprint(encoder)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        before = fingerprint(copy)
        with (copy / name).open("ab") as file:
            file.write(b" ")
        assert fingerprint(copy) != before


def _change_config(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) | values
    file.write_text(json.dumps(config), encoding="utf-8")


class Hub(ThreadingHTTPServer):
    """Enough of a model hub for one repository, `team/encoder`, and the ways it can refuse."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.folder = folder
        self.fetched: list[str] = []
        self.closing = Event()


class _HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        files = {file.name: file for file in self.server.folder.iterdir()}
        if "team/silent" in path:
            self.server.closing.wait(30)
        elif "team/gone" in path:
            self._refuse(404, "RepoNotFound")
        elif "team/gated" in path:
            self._refuse(403, "GatedRepo")
        elif "team/busy" in path:
            self._refuse(503, "")
        elif path.startswith("api/models/team/encoder/tree"):
            self._json(
                [{"type": "file", "path": n, "size": f.stat().st_size, "oid": n} for n, f in files.items()]
            )
        elif path in (
            "api/models/team/encoder",
            *(f"api/models/team/encoder/revision/{r}" for r in REVISIONS),
        ):
            self._json(
                {"id": "team/encoder", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            )
        elif path.startswith("api/models/team/encoder"):
            self._refuse(404, "RevisionNotFound")
        elif path.startswith(f"team/encoder/resolve/{COMMIT}/"):
            self._send(files[path.rpartition("/")[2]])
        else:
            self._refuse(404, "")

    do_HEAD = do_GET  # noqa: N815  # the name http.server looks for

    def _send(self, file: Path) -> None:
        body = file.read_bytes()
        if self.command == "GET":
            self.server.fetched.append(file.name)
        self.send_response(200)
        self.send_header("ETag", f'"{file.name}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _point_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What HF_ENDPOINT sets; the hub client reads that variable only once, when it is imported.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (copy / "pytorch_model.bin").write_bytes(b"a pickle nobody wants")
    (copy / "onnx.zip").write_bytes(b"something else")
    server = Hub(copy)
    Thread(target=server.serve_forever, daemon=True).start()
    _point_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


def test_a_hub_id_brings_config_tokenizer_and_safetensors_and_nothing_else(
    hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = resolve("team/encoder", revision="v1")
    assert sorted(hub.fetched) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert load_model(folder, ["a", "b"]).config.model_type == "bert"
    assert capfd.readouterr() == ("", "")


def test_the_variables_that_the_hub_s_client_reads_hold(hub: Hub, tmp_path: Path) -> None:
    def resolved(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from classifiers.encoders import resolve; print(resolve('team/encoder'))",
            ],
            env={**os.environ, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1", **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    mirrored = resolved(HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}")
    assert (mirrored.returncode, mirrored.stderr) == (0, "")
    assert mirrored.stdout.startswith(str(tmp_path / "home"))
    fetched = list(hub.fetched)
    assert "model.safetensors" in fetched
    offline = resolved(HF_HUB_OFFLINE="1", HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}")
    assert offline.stdout == mirrored.stdout
    assert hub.fetched == fetched


@pytest.mark.parametrize("revision", [None, "v1"])
@pytest.mark.parametrize("offline", [False, True], ids=["unreachable", "HF_HUB_OFFLINE"])
def test_what_was_fetched_once_is_found_when_the_hub_is_gone(
    hub: Hub, revision: str | None, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = resolve("team/encoder", revision=revision)
    assert hub.fetched
    _point_at("http://127.0.0.1:9", monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    assert resolve("team/encoder", revision=revision) == folder
    assert resolve("team/encoder", revision=COMMIT) == folder


def test_a_hub_that_is_not_there_is_said_within_seconds(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    del hub
    _point_at("http://127.0.0.1:9", monkeypatch)
    start = time.monotonic()
    with pytest.raises(ClassifierError, match=r"hub cannot be reached.*HF_ENDPOINT"):
        resolve("team/encoder")
    assert time.monotonic() - start < 5


def test_a_hub_that_stays_silent_is_given_up_within_seconds(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    del hub
    monkeypatch.setattr("classifiers.encoders.HUB_TIMEOUT_S", 0.5)
    start = time.monotonic()
    with pytest.raises(ClassifierError, match="hub cannot be reached"):
        resolve("team/silent")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("base", "revision", "message"),
    [
        ("team/gone", None, "no such model on the hub"),
        ("team/gated", None, "is gated.*HF_TOKEN"),
        ("team/busy", None, "cannot be reached"),
        ("team/encoder", "v9", "no revision 'v9'"),
        ("not a hub id!", None, "neither a folder nor a hub id"),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_line(
    hub: Hub, base: str, revision: str | None, message: str
) -> None:
    del hub
    with pytest.raises(ClassifierError, match=message) as refusal:
        resolve(base, revision)
    assert "\n" not in str(refusal.value)


def test_a_hub_model_with_a_pickle_alone_is_not_fetched_and_the_way_to_convert_it_named(
    hub: Hub, encoder: Path
) -> None:
    (hub.folder / "model.safetensors").unlink()
    with pytest.raises(ClassifierError, match=r"only pytorch_model\.bin.*refs/pr/1.*hf download") as refusal:
        resolve("team/encoder")
    assert hub.fetched == []
    command = str(refusal.value).partition("cd converted && ")[2]
    converted = shutil.copytree(encoder, hub.folder / "converted")
    torch.save(load_file(converted / "model.safetensors"), converted / "pytorch_model.bin")
    (converted / "model.safetensors").unlink()
    subprocess.run(command.replace("python", sys.executable, 1), shell=True, cwd=converted, check=True)
    assert resolve(str(converted)) == converted


def test_a_hub_model_without_any_weights_is_refused(hub: Hub) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        (hub.folder / name).unlink()
    with pytest.raises(ClassifierError, match=r"no model\.safetensors; download that file"):
        resolve("team/encoder")
