"""Networks from ONNX files: what goes in and comes out, names that identify, one line for everything that is wrong."""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.errors import InputError
from fewray.quality.features.load import load_extractor
from fewray.quality.features.onnx import OnnxExtractor

onnx = pytest.importorskip("onnx")
helper, FLOAT, INT64 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
CHW = ("n", 3, 8, 8)


def model(
    path: Path,
    shape: Sequence[int | str | None] = CHW,
    *,
    kind: int = FLOAT,
    nodes: Sequence[tuple[Any, ...]] = (("Identity", "x", "y"),),
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    output_kind: int | None = None,
) -> Path:
    """Write a network of ``nodes`` (operator, inputs with blanks between, output, attributes) and return its path."""
    made = [
        helper.make_node(op, i.split(), [o], **(rest[0] if rest else {}))
        for op, i, o, *rest in nodes
    ]
    graph = helper.make_graph(
        made,
        "test",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(name, output_kind or kind, None) for name in outputs],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


def pictures(n: int = 5, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 1, size, size), np.uint8)


def opened(path: Path, **options: object) -> OnnxExtractor:
    """Open ``path`` with ``options`` in the JSON file beside it."""
    path.with_suffix(".json").write_text(json.dumps(options))
    extractor = load_extractor(f"onnx:{path}")
    assert isinstance(extractor, OnnxExtractor)
    return extractor


def features(path: Path, images: np.ndarray, **options: object) -> np.ndarray:
    return opened(path, **options)(images).features


def test_images_are_preprocessed_as_the_options_say(tmp_path: Path):
    path, images = model(tmp_path / "net.onnx"), pictures()
    grey = np.repeat(images.astype(np.float32), 3, axis=1)
    np.testing.assert_allclose(features(path, images), (grey / 255).reshape(5, -1), rtol=1e-6)
    np.testing.assert_allclose(features(path, images, range=255), grey.reshape(5, -1), rtol=1e-6)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    wanted = (grey / 255 - np.float32(mean)[:, None, None]) / np.float32(std)[:, None, None]
    found = features(path, images, mean=mean, std=std)
    np.testing.assert_allclose(found, wanted.reshape(5, -1), rtol=1e-5, atol=1e-6)
    white = np.full((1, 1, 8, 8), 255, np.uint8)
    np.testing.assert_allclose(features(path, white, mean=0.5, std=0.00048828125), 1024)


def test_size_and_layout_come_from_the_network(tmp_path: Path):
    images = pictures()
    last = model(tmp_path / "nhwc.onnx", ("n", 10, 8, 1))
    found = load_extractor(f"onnx:{last}")
    assert found.name.startswith("onnx:nhwc.onnx@10x8#")
    assert found(images).features.shape == (5, found.dim) == (5, 80)
    dynamic = model(tmp_path / "dynamic.onnx", ("n", "c", "h", "w"))
    assert opened(dynamic, size=16).dim == 3 * 16 * 16
    assert opened(dynamic, size=[16, 8], channels=1).dim == 16 * 8
    assert features(dynamic, images, size=8, layout="nhwc").shape == (5, 192)
    same = features(dynamic, images, size=8, channels=1)
    np.testing.assert_allclose(same, images.reshape(5, -1) / np.float32(255), rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5])
def test_a_fixed_batch_is_filled_and_cut(n: int, tmp_path: Path):
    fixed = load_extractor(f"onnx:{model(tmp_path / 'fixed.onnx', (2, 3, 8, 8))}")
    free = load_extractor(f"onnx:{model(tmp_path / 'free.onnx')}")
    assert np.array_equal(fixed(pictures(n)).features, free(pictures(n)).features)
    assert fixed(pictures(n)).features.shape == (n, fixed.dim)


def test_many_batches_and_other_floats(tmp_path: Path):
    half = model(tmp_path / "half.onnx", kind=onnx.TensorProto.FLOAT16)
    found = features(half, pictures(70, 20))
    assert found.dtype == np.float32
    full = features(model(tmp_path / "net.onnx"), pictures(70, 20))
    np.testing.assert_allclose(found, full, atol=1e-3)


def test_an_output_is_chosen_and_logits_make_probabilities(tmp_path: Path):
    mean = {"axes": [2, 3], "keepdims": 0}
    path = model(
        tmp_path / "two.onnx",
        nodes=[("ReduceMean", "x", "f", mean), ("Neg", "f", "g")],
        outputs=("f", "g"),
    )
    with pytest.raises(InputError) as caught:
        load_extractor(f"onnx:{path}")
    assert caught.value.code == "onnx_output_invalid"
    assert caught.value.fields["outputs"] == ["f", "g"]
    found = opened(path, output="f", logits="g")(pictures())
    assert found.features.shape == (5, 3)
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, 1 / 3, rtol=1e-5)
    assert opened(path, output="f")(pictures()).probabilities is None


def test_the_name_identifies_the_network_and_its_preprocessing(tmp_path: Path):
    first = model(tmp_path / "a.onnx")
    second = model(tmp_path / "b.onnx", nodes=[("Neg", "x", "y")])
    options: list[dict[str, object]] = [
        {},
        {"range": 255},
        {"mean": 0.5},
        {"mean": 0.5, "std": 0.5},
        {"std": 0.229000001},
        {"std": 0.229000002},
    ]
    names = [opened(first, **each).name for each in options] + [opened(second).name]
    assert len(set(names)) == len(names)
    assert opened(first, layout="nchw", channels=3, range=1, mean=0).name == names[0]
    (tmp_path / "c").mkdir()
    assert opened(model(tmp_path / "c" / "a.onnx")).name == names[0]  # wherever the file is


def test_the_name_covers_what_the_input_shape_leaves_open(tmp_path: Path):
    free = model(tmp_path / "free.onnx", ("n", "c", "h", "w"))
    names = {
        opened(free, size=8, layout=layout, channels=channels).name
        for layout in ("nchw", "nhwc")
        for channels in (1, 3)
    }
    assert len(names) == 4
    assert opened(free, size=8).name in names


@pytest.mark.parametrize("length", [11, 127, 128, 200])
def test_the_name_covers_external_weights(tmp_path: Path, length: int):
    """Their file names may be longer than 127 bytes, which takes a length of two bytes."""
    names = []
    weights = "w" * length
    for value in (1.0, 2.0):
        path = model(tmp_path / "big.onnx", nodes=[("Mul", "x w", "y")])
        net = onnx.load(path)
        weight = np.full((3, 8, 8), value, np.float32)
        net.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
        (tmp_path / weights).unlink(missing_ok=True)
        onnx.save(net, path, save_as_external_data=True, location=weights, size_threshold=0)
        names.append(load_extractor(f"onnx:{path}").name)
        np.testing.assert_allclose(
            features(path, pictures())[0, 0], value * pictures()[0, 0, 0, 0] / 255, 1e-6
        )
    assert names[0] != names[1]


BAD_OPTIONS = [
    ({"size": "x"}, "onnx_options_invalid"),
    ({"pixels": 8}, "onnx_options_invalid"),
    ({"size": 16}, "onnx_input_invalid"),
    ({"mean": "a"}, "onnx_options_invalid"),
    ({"mean": [1, 2]}, "onnx_input_invalid"),
    ({"mean": math.nan}, "onnx_options_invalid"),
    ({"mean": []}, "onnx_input_invalid"),
    ({"std": 0}, "onnx_input_invalid"),
    ({"std": [1, 1, -1]}, "onnx_input_invalid"),
    ({"std": None}, "onnx_options_invalid"),
    ({"range": 2}, "onnx_options_invalid"),
    ({"layout": "hwc"}, "onnx_options_invalid"),
    ({"layout": "nhwc"}, "onnx_input_invalid"),
    ({"channels": 1}, "onnx_input_invalid"),
    ({"channels": 2}, "onnx_options_invalid"),
    ({"output": "z"}, "onnx_output_invalid"),
    ({"logits": "z"}, "onnx_output_invalid"),
]


@pytest.mark.parametrize(("options", "code"), BAD_OPTIONS)
def test_bad_options_are_refused_in_one_line(options: dict[str, object], code: str, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        opened(model(tmp_path / "net.onnx"), **options)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    assert "net" in str(caught.value)


BAD_NETWORKS = [
    ({"shape": (1, 10)}, "onnx_input_invalid"),
    ({"shape": ("n", 2, 8, 8)}, "onnx_input_invalid"),
    ({"shape": ("n", 3, 8, 3)}, "onnx_input_invalid"),
    ({"shape": ("n", 3, "h", "w")}, "onnx_input_invalid"),
    ({"shape": ("n", 3, 4, 4)}, "onnx_input_invalid"),
    ({"kind": INT64}, "onnx_input_invalid"),
    ({"inputs": ("x", "z"), "nodes": [("Add", "x z", "y")]}, "onnx_input_invalid"),
    ({"nodes": [("Cast", "x", "y", {"to": INT64})], "output_kind": INT64}, "onnx_output_invalid"),
    (
        {"nodes": [("ReduceMean", "x", "y", {"axes": [0], "keepdims": 0})], "shape": (2, 3, 8, 8)},
        "onnx_output_invalid",
    ),
]


@pytest.mark.parametrize(("options", "code"), BAD_NETWORKS)
def test_bad_networks_are_refused_in_one_line(options: dict[str, Any], code: str, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx', **options)}")
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256))])
def test_files_that_are_not_networks_are_refused(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_extractor(f"onnx:{tmp_path / 'net.onnx'}")
    assert caught.value.code == "onnx_invalid"
    assert capfd.readouterr() == ("", "")
    for absent in ("", str(tmp_path), str(tmp_path / "absent.onnx")):
        with pytest.raises(InputError) as caught:
            load_extractor(f"onnx:{absent}")
        assert caught.value.code == "onnx_not_found"


@pytest.mark.parametrize("text", ["{", "[1]", '{"mean": [0.5, "x"]}'])
def test_bad_json_beside_the_file_is_refused(text: str, tmp_path: Path):
    path = model(tmp_path / "net.onnx")
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(InputError) as caught:
        load_extractor(f"onnx:{path}")
    assert caught.value.code == "onnx_options_invalid"


def test_features_and_logits_that_are_not_finite_are_refused(tmp_path: Path):
    black = np.zeros((2, 1, 8, 8), np.uint8)
    extractor = opened(model(tmp_path / "net.onnx", nodes=[("Log", "x", "y")]))
    with pytest.raises(InputError) as caught:
        extractor(black)
    assert caught.value.code == "features_not_finite"
    with pytest.raises(InputError, match="uint8"):
        extractor(np.zeros((2, 1, 8, 8), np.float32))
    nodes = [("Flatten", "x", "f"), ("Log", "f", "l")]
    path = model(tmp_path / "two.onnx", nodes=nodes, outputs="fl")
    with pytest.raises(InputError, match="logits are not finite"):
        opened(path, output="f", logits="l")(black)


def test_unusual_digits_are_not_numbers():
    with pytest.raises(InputError) as caught:
        load_extractor("lite0@²²⁴")
    assert caught.value.code == "extractor_unknown"


def test_the_error_without_onnxruntime_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'fewray\[onnx\]'"):
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx')}")
