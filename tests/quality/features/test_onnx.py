"""Networks from ONNX files: what goes in and comes out, names that identify, one line for everything that is wrong."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewray.errors import InputError
from fewray.quality.features.extractor import load_extractor

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


def features(text: str, images: np.ndarray) -> np.ndarray:
    return load_extractor(f"onnx:{text}")(images).features


def test_images_come_as_the_options_say(tmp_path: Path):
    path, images = model(tmp_path / "net.onnx"), pictures()
    grey = np.repeat(images.astype(np.float32), 3, axis=1)
    np.testing.assert_allclose(features(f"{path}", images), (grey / 255).reshape(5, -1), rtol=1e-6)
    np.testing.assert_allclose(
        features(f"{path}?range=255", images), grey.reshape(5, -1), rtol=1e-6
    )
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    wanted = (grey / 255 - mean[:, None, None]) / std[:, None, None]
    found = features(f"{path}?mean=0.485,0.456,0.406&std=0.229,0.224,0.225", images)
    np.testing.assert_allclose(found, wanted.reshape(5, -1), rtol=1e-5, atol=1e-6)
    xrv = features(f"{path}?mean=0.5&std=0.00048828125", np.full((1, 1, 8, 8), 255, np.uint8))
    np.testing.assert_allclose(xrv, 1024)


def test_the_size_and_the_layout_are_the_networks_own(tmp_path: Path):
    images = pictures()
    last = model(tmp_path / "nhwc.onnx", ("n", 10, 8, 1))
    found = load_extractor(f"onnx:{last}")
    assert found.name.startswith("onnx:nhwc.onnx@10x8#")
    assert found(images).features.shape == (5, found.dim) == (5, 80)
    dynamic = model(tmp_path / "dynamic.onnx", ("n", "c", "h", "w"))
    assert load_extractor(f"onnx:{dynamic}?size=16").dim == 3 * 16 * 16
    assert load_extractor(f"onnx:{dynamic}?size=16x8&channels=1").dim == 16 * 8
    assert features(f"{dynamic}?size=8&layout=nhwc", images).shape == (5, 192)
    same = features(f"{dynamic}?size=8&channels=1", images)
    np.testing.assert_allclose(same, images.reshape(5, -1) / np.float32(255), rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5])
def test_a_fixed_batch_is_filled_and_cut(n: int, tmp_path: Path):
    fixed = load_extractor(f"onnx:{model(tmp_path / 'fixed.onnx', (2, 3, 8, 8))}")
    free = load_extractor(f"onnx:{model(tmp_path / 'free.onnx')}")
    assert np.array_equal(fixed(pictures(n)).features, free(pictures(n)).features)
    assert fixed(pictures(n)).features.shape == (n, fixed.dim)


def test_many_batches_and_other_floats(tmp_path: Path):
    half = model(tmp_path / "half.onnx", kind=onnx.TensorProto.FLOAT16)
    found = features(f"{half}", pictures(70, 20))
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, features(f"{model(tmp_path / 'net.onnx')}", pictures(70, 20)), atol=1e-3
    )


def test_an_output_is_chosen_and_logits_make_probabilities(tmp_path: Path):
    mean = {"axes": [2, 3], "keepdims": 0}
    path = model(
        tmp_path / "two.onnx",
        nodes=[("ReduceMean", "x", "f", mean), ("Neg", "f", "g")],
        outputs=("f", "g"),
    )
    with pytest.raises(InputError, match=r"2 outputs \(f, g\); choose one with output=NAME"):
        load_extractor(f"onnx:{path}")
    found = load_extractor(f"onnx:{path}?output=f&logits=g")(pictures())
    assert found.features.shape == (5, 3)
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, 1 / 3, rtol=1e-5)
    assert load_extractor(f"onnx:{path}?output=f")(pictures()).probabilities is None


def test_the_name_tells_networks_and_preprocessings_apart(tmp_path: Path):
    first, second = (
        model(tmp_path / "a.onnx"),
        model(tmp_path / "b.onnx", nodes=[("Neg", "x", "y")]),
    )
    texts = [
        f"{first}",
        f"{second}",
        f"{first}?range=255",
        f"{first}?mean=0.5",
        f"{first}?mean=0.5&std=0.5",
    ]
    assert len({load_extractor(f"onnx:{text}").name for text in texts}) == 5
    (tmp_path / "a.json").write_text(json.dumps({"mean": [0.5, 0.5, 0.5], "std": 0.5}))
    name = load_extractor(f"onnx:{first}").name
    assert name.endswith("?mean=0.5,0.5,0.5&std=0.5")
    assert load_extractor(f"onnx:{first}?mean=0.25").name.endswith("?mean=0.25&std=0.5")
    (tmp_path / "c").mkdir()
    copy = model(tmp_path / "c" / "a.onnx")
    assert (
        load_extractor(f"onnx:{copy}?mean=0.5,0.5,0.5&std=0.5").name == name
    )  # wherever the file lies


def test_the_name_says_what_the_input_does_not_fix_and_every_digit(tmp_path: Path):
    free = model(tmp_path / "free.onnx", ("n", "c", "h", "w"))
    names = {
        text: load_extractor(f"onnx:{free}?size=8{text}").name
        for text in ("", "&layout=nhwc", "&channels=1", "&layout=nhwc&channels=1")
    }
    assert len(set(names.values())) == 4
    assert names[""].endswith("?layout=nchw&channels=3")  # the defaults too: nothing else says them
    assert names["&layout=nhwc&channels=1"].endswith("?layout=nhwc&channels=1")
    assert load_extractor(f"onnx:{free}?size=8&layout=nchw&channels=3").name == names[""]
    either = model(tmp_path / "either.onnx", ("n", 3, 8, 8))
    assert "?" not in load_extractor(f"onnx:{either}?layout=nchw&channels=3").name  # both are fixed
    near = [
        load_extractor(f"onnx:{either}?mean=0.48500{digit}&std=0.1234567").name for digit in (1, 2)
    ]
    assert near[0].endswith("?mean=0.485001&std=0.1234567")
    assert near[1].endswith("?mean=0.485002&std=0.1234567")
    close = [load_extractor(f"onnx:{either}?std=0.22900000{digit}").name for digit in (1, 2)]
    assert close[0] != close[1]


def test_weights_beside_the_file_belong_to_its_name(tmp_path: Path):
    names = []
    for value in (1.0, 2.0):
        path = model(tmp_path / "big.onnx", nodes=[("Mul", "x w", "y")])
        net = onnx.load(path)
        weight = np.full((3, 8, 8), value, np.float32)
        net.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
        (tmp_path / "big.weights").unlink(missing_ok=True)
        onnx.save(net, path, save_as_external_data=True, location="big.weights", size_threshold=0)
        names.append(load_extractor(f"onnx:{path}").name)
        np.testing.assert_allclose(
            features(f"{path}", pictures())[0, 0], value * pictures()[0, 0, 0, 0] / 255, 1e-6
        )
    assert names[0] != names[1]


BAD_OPTIONS = [
    ("?size=", "size has no value"),
    ("?size", "size has no value"),
    ("?pixels=8", "no option pixels; there are size"),
    ("?&", r"no option \(empty\)"),
    ("?size=x", "size=x; 224, or 224x192"),
    ("?size=16", r"size=16, its input \(n, 3, 8, 8\); leave size out"),
    ("?mean=a", "mean=a"),
    ("?mean=1,2", "mean=1,2; 1 number or 1 a channel is wanted, and it has 3"),
    ("?mean=nan", "mean=nan"),
    ("?std=0", "std=0; 1 positive number"),
    ("?std=1,1,-1", "std=1,1,-1"),
    ("?range=2", "range=2; 1 or 255"),
    ("?layout=hwc", "layout=hwc; nchw or nhwc"),
    ("?layout=nhwc", "8 channels; 1 or 3 are wanted"),
    ("?channels=1", "channels=1"),
    ("?channels=x", "channels=x"),
    ("?output=z", "output=z: no such output; there are y"),
    ("?logits=z", "logits=z: no such output; there are y"),
]


@pytest.mark.parametrize(("text", "said"), BAD_OPTIONS)
def test_bad_options_are_refused_in_one_line(text: str, said: str, tmp_path: Path):
    with pytest.raises(InputError, match=said) as caught:
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx')}{text}")
    assert "\n" not in str(caught.value)


BAD_NETWORKS = [
    ({"shape": (1, 10)}, r"shape \(1, 10\); 4 dimensions"),
    ({"shape": ("n", 2, 8, 8)}, "either layout"),
    ({"shape": ("n", 3, 8, 3)}, "either layout"),
    ({"shape": ("n", 3, "h", "w")}, "fixes no size; give one, as size=224"),
    ({"shape": ("n", 3, 4, 4)}, "4 px; 8 to 2048"),
    ({"kind": INT64}, "input is tensor.int64.; floats are wanted"),
    ({"inputs": ("x", "z"), "nodes": [("Add", "x z", "y")]}, r"2 inputs \(x, z\)"),
    (
        {"nodes": [("Cast", "x", "y", {"to": INT64})], "output_kind": INT64},
        "output y is tensor.int64.; floats",
    ),
    (
        {"nodes": [("ReduceMean", "x", "y", {"axes": [0], "keepdims": 0})], "shape": (2, 3, 8, 8)},
        "a row an image",
    ),
]


@pytest.mark.parametrize(("options", "said"), BAD_NETWORKS)
def test_bad_networks_are_refused_in_one_line(options: dict[str, Any], said: str, tmp_path: Path):
    with pytest.raises(InputError, match=said) as caught:
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx', **options)}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no network", bytes(range(256))])
def test_files_that_are_no_networks_are_refused(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(InputError, match="export it again"):
        load_extractor(f"onnx:{tmp_path / 'net.onnx'}")
    assert capfd.readouterr() == ("", "")
    for absent in ("", str(tmp_path), str(tmp_path / "absent.onnx")):
        with pytest.raises(InputError, match="not found"):
            load_extractor(f"onnx:{absent}")


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"pixels": 3}', '{"mean": [0.5, "x"]}', '{"std": null}']
)
def test_bad_json_beside_the_file_is_refused(text: str, tmp_path: Path):
    path = model(tmp_path / "net.onnx")
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(InputError):
        load_extractor(f"onnx:{path}")


def test_features_that_are_no_numbers_are_refused(tmp_path: Path):
    extractor = load_extractor(f"onnx:{model(tmp_path / 'net.onnx', nodes=[('Log', 'x', 'y')])}")
    with pytest.raises(InputError, match="no finite numbers"):
        extractor(np.zeros((2, 1, 8, 8), np.uint8))
    with pytest.raises(InputError, match="uint8"):
        extractor(np.zeros((2, 1, 8, 8), np.float32))


def test_logits_that_are_no_numbers_are_refused(tmp_path: Path):
    nodes = [("Flatten", "x", "f"), ("Log", "f", "l")]
    extractor = load_extractor(
        f"onnx:{model(tmp_path / 'net.onnx', nodes=nodes, outputs='fl')}?output=f&logits=l"
    )
    with pytest.raises(InputError, match="logits that are no finite numbers"):
        extractor(np.zeros((2, 1, 8, 8), np.uint8))


def test_digits_of_other_kinds_are_no_numbers(tmp_path: Path):
    with pytest.raises(InputError, match="channels=²; 1 or 3"):
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx')}?channels=²")
    with pytest.raises(InputError, match="no such extractor"):
        load_extractor("lite0@²²⁴")


def test_without_onnxruntime_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'fewray\[onnx\]'"):
        load_extractor(f"onnx:{model(tmp_path / 'net.onnx')}")
