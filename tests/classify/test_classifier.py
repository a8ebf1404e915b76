"""The CNN, its training, and the paper's way of testing it."""

import numpy as np
import pytest
import torch

from fewray.classify.networks import PaperCNN
from fewray.classify.training import cross_entropy, predict, train_classifier
from fewray.config import ClassifierOptions
from fewray.data.loading import load_dataset
from fewray.errors import InputError
from fewray.imaging.arrays import load_images, to_float
from fewray.study.published.scores import scores_as_published

SMALL = ClassifierOptions(image_size=16, channels=(4, 8, 8), hidden=16, batch_size=32, steps=40)


def problem(n: int = 60, seed: int = 0, shuffled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return noise with a bright quarter that tells the class of four."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    images = rng.integers(0, 120, (n, 1, 16, 16)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 100
    return images, rng.permutation(labels) if shuffled else labels


def fitted(options: ClassifierOptions = SMALL, seed: int = 0, **changes: object):
    images, labels = problem(**changes)
    return train_classifier(
        images, labels, options, n_classes=4, seed=seed, device="cpu", precision="fp32"
    )


def test_the_paper_s_size():
    assert sum(p.numel() for p in PaperCNN(4).parameters()) == 2_191_556
    assert PaperCNN(4)(torch.zeros(2, 1, 64, 64)).shape == (2, 4)


def test_a_plain_problem_is_learnt_and_shuffled_labels_are_not():
    images, labels = problem(seed=9)
    assert (predict(fitted().model, images).argmax(1) == labels).mean() > 0.95
    assert (predict(fitted(shuffled=True).model, images).argmax(1) == labels).mean() < 0.6


def test_same_seed_same_bytes():
    one, two, other = fitted(), fitted(), fitted(seed=1)
    pairs = zip(one.model.state_dict().values(), two.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not np.array_equal(one.losses, other.losses)


def test_training_leaves_the_global_random_state_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    fitted(SMALL.with_(steps=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_first_step_is_nesterov_sgd():
    images, labels = problem(32)
    options = SMALL.with_(steps=1, dropout=0.0)
    from fewray.classify.networks import build_network
    from fewray.compute.seeds import child_seed

    book = build_network(4, options, child_seed(5, "init"))
    order = np.random.default_rng(child_seed(5, "batches")).choice(32, 32, replace=False)
    loss = torch.nn.functional.cross_entropy(
        book(to_float(images)[order]), torch.from_numpy(labels)[order]
    )
    loss.backward()
    ours = train_classifier(
        images, labels, options, n_classes=4, seed=5, device="cpu", precision="fp32"
    )
    assert ours.losses[0] == pytest.approx(loss.item(), rel=1e-5)
    for theirs, mine in zip(book.parameters(), ours.model.parameters(), strict=True):
        assert theirs.grad is not None
        step = (
            0.01 * (1 + 0.9) * theirs.grad
        )  # the first Nesterov step: gradient plus momentum times itself
        torch.testing.assert_close(mine.detach(), (theirs - step).detach(), rtol=1e-4, atol=1e-6)


def test_prediction_does_not_depend_on_the_batch_and_is_in_evaluation_mode():
    model = fitted().model
    images, _ = problem(37, seed=3)
    together = predict(model, images)
    np.testing.assert_allclose(predict(model, images, batch=1), together, atol=1e-6)
    np.testing.assert_allclose(together.sum(1), 1, atol=1e-5)


def test_double_softmax_cannot_fall_below_0_744():
    sure = torch.tensor([[50.0, 0, 0, 0]])
    options = ClassifierOptions(double_softmax=True)
    assert cross_entropy(sure, torch.tensor([0]), options).item() == pytest.approx(
        np.log(np.e + 3) - 1
    )
    assert cross_entropy(sure, torch.tensor([0]), ClassifierOptions()).item() == pytest.approx(
        0, abs=1e-6
    )


@pytest.mark.parametrize("n", [1, 5, 31])
def test_fewer_images_than_a_batch_train(n: int):
    images, labels = problem(n)
    trained = train_classifier(
        images, labels, SMALL.with_(steps=3), n_classes=4, seed=0, device="cpu"
    )
    assert np.isfinite(trained.losses).all()


@pytest.mark.parametrize(
    ("images", "labels", "k", "code"),
    [
        (problem(8)[0], np.arange(8), 4, "label_out_of_range"),
        (problem(8)[0], problem(8)[1][:5], 4, "wrong_label_count"),
        (problem(8)[0], problem(8)[1] * 0, 1, "too_few_classes"),
        (problem(8)[0][:, :, :8, :8], problem(8)[1], 4, "wrong_image_size"),
        (problem(8)[0].astype(np.float32), problem(8)[1], 4, "image_array"),
    ],
)
def test_invalid_input_is_rejected(images: np.ndarray, labels: np.ndarray, k: int, code: str):
    with pytest.raises(InputError) as caught:
        train_classifier(images, labels, SMALL, n_classes=k, seed=0, device="cpu")
    assert caught.value.code == code


def test_published_figures_are_those_of_the_naive_passes():
    """Training mode, whole test set as one batch, dropout anew in each pass: means agree with doing just that."""
    model = fitted(SMALL.with_(steps=6)).model
    images, labels = problem(36, seed=4)
    before = [value.clone() for value in model.state_dict().values()]
    ours = scores_as_published(model, images, labels, passes=2000, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert not model.training

    import copy

    network, found = copy.deepcopy(model).train(), []
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(2)
        for _ in range(2000):
            predicted = network(to_float(images)).argmax(1).numpy()
            sensitivity = np.array([(predicted[labels == c] == c).mean() for c in range(4)])
            specificity = np.array([(predicted[labels != c] != c).mean() for c in range(4)])
            harmonic = 2 * sensitivity * specificity / np.maximum(sensitivity + specificity, 1e-12)
            found.append([(predicted == labels).mean(), *sensitivity, *specificity, *harmonic])
    means, errors = np.mean(found, 0), np.std(found, 0) / np.sqrt(2000)
    mine = [ours.accuracy]
    mine += [c[name] for name in ("sensitivity", "specificity", "f1") for c in ours.per_class]
    assert (np.abs(np.array(mine) - means) < 6 * errors + 1e-6).all()


def test_published_figures_without_dropout_are_one_pass():
    model = fitted(SMALL.with_(dropout=0.0)).model
    images, labels = problem(36, seed=4)
    one, many = (scores_as_published(model, images, labels, passes=n, seed=0) for n in (1, 9))
    assert one.accuracy == pytest.approx(many.accuracy)


@pytest.mark.long
def test_real_films_are_told_apart(covid4):
    data = load_dataset("covid4")
    train, test = (data.where(split=split) for split in ("train", "test"))
    images, held_out = (load_images(rows.paths(), 64, "squash") for rows in (train, test))
    options = ClassifierOptions(batch_size=64, steps=300)
    trained = train_classifier(images, train.labels(), options, n_classes=4, seed=0, device="cpu")
    assert (predict(trained.model, held_out).argmax(1) == test.labels()).mean() > 0.5


def test_the_first_convolution_is_the_ordinary_one():
    from fewray.classify.networks import GreyConv2d

    ours = GreyConv2d(7)
    book = torch.nn.Conv2d(1, 7, 3, padding=1)
    book.load_state_dict(ours.state_dict())
    x = torch.randn(3, 1, 10, 12)
    y = ours(x)
    torch.testing.assert_close(y, book(x), rtol=1e-5, atol=1e-5)
    assert y.is_contiguous(memory_format=torch.channels_last)
    y.square().sum().backward()
    book(x).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, book.weight.grad, rtol=1e-4, atol=1e-4)
