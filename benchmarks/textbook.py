"""Plain references: training loops as in a PyTorch tutorial (fp32, NCHW, serial).

The networks are those of the paper, made of standard PyTorch layers. The GAN loop is that of the
DCGAN tutorial (Inkawhich 2018).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

LATENT, BATCH, RATE = 100, 32, 2e-4


class Generator(nn.Module):
    """Map z (n, 100, 1, 1) to images (n, 1, 64, 64) in -1 to 1; ``c`` is 64 in the paper."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ConvTranspose2d(LATENT, 8 * c, 4, 1, 0, bias=False)]
        for wide, narrow in ((8 * c, 4 * c), (4 * c, 2 * c), (2 * c, c)):
            layers += [
                nn.BatchNorm2d(wide),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False),
            ]
        layers += [
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(c, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        ]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """Return the images."""
        return self.main(z)


class Discriminator(nn.Module):
    """Map images (n, 1, 64, 64) to probabilities (n,); the paper uses a width ``c`` of 64."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *(
                nn.Conv2d(1, c, 4, 2, 1, bias=False),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Dropout(0.5),
            ),
            *(
                nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False),
                nn.BatchNorm2d(2 * c),
                nn.LeakyReLU(0.2, inplace=True),
            ),
            *(
                nn.Conv2d(2 * c, 4 * c, 4, 2, 1, bias=False),
                nn.BatchNorm2d(4 * c),
                nn.LeakyReLU(0.2, inplace=True),
            ),
            nn.Dropout(0.5),
            *(
                nn.Conv2d(4 * c, 8 * c, 4, 2, 1, bias=False),
                nn.BatchNorm2d(8 * c),
                nn.Dropout(0.25),
            ),
            *(
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(8 * c, 1, 4, 1, 0, bias=False),
                nn.Sigmoid(),
            ),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities."""
        return self.main(x).view(-1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class TextbookGan:
    """The training of one class; ``steps`` yields (loss of D, loss of G) per step without end."""

    def __init__(
        self, images: np.ndarray, seed: int, device: str = "cpu", base_channels: int = 64
    ) -> None:
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.G, self.D = (
            kind(base_channels).to(self.device) for kind in (Generator, Discriminator)
        )
        for network in (self.G, self.D):
            network.apply(_initialise)
        self.images = torch.from_numpy(images).float() / 127.5 - 1

    def steps(self) -> Iterator[tuple[float, float]]:
        """Train with two passes of D and one of G per step, by binary cross-entropy."""
        loader = DataLoader(TensorDataset(self.images), BATCH, shuffle=True, drop_last=True)
        criterion = nn.BCELoss()
        optimiser_d = torch.optim.Adam(self.D.parameters(), RATE, (0.5, 0.999))
        optimiser_g = torch.optim.Adam(self.G.parameters(), RATE, (0.5, 0.999))
        real_label = torch.ones(BATCH, device=self.device)
        fake_label = torch.zeros(BATCH, device=self.device)
        while True:
            for (batch,) in loader:
                self.D.zero_grad()
                on_real = criterion(self.D(batch.to(self.device)), real_label)
                on_real.backward()
                fake = self.G(torch.rand(BATCH, LATENT, 1, 1, device=self.device) * 2 - 1)
                on_fake = criterion(self.D(fake.detach()), fake_label)
                on_fake.backward()
                optimiser_d.step()
                self.G.zero_grad()
                loss_g = criterion(self.D(fake), real_label)
                loss_g.backward()
                optimiser_g.step()
                yield on_real.item() + on_fake.item(), loss_g.item()

    @torch.inference_mode()
    def sample(self, count: int) -> np.ndarray:
        """Return uint8 images (count, 1, 64, 64)."""
        self.G.eval()
        images = self.G(torch.rand(count, LATENT, 1, 1, device=self.device) * 2 - 1)
        self.G.train()
        return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


class Classifier(nn.Sequential):
    """The paper's classifier, from images (n, 1, 64, 64) to logits (n, classes)."""

    def __init__(self, classes: int) -> None:
        layers: list[nn.Module] = []
        for narrow, wide in ((1, 32), (32, 64), (64, 128)):
            layers += [
                nn.Conv2d(narrow, wide, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm2d(wide),
                nn.MaxPool2d(2),
            ]
        layers += [
            nn.Flatten(),
            nn.Linear(8192, 256),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(256, classes),
        ]
        super().__init__(*layers)


def textbook_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    steps: int,
    batch: int,
    seed: int,
    device: str = "cpu",
) -> list[float]:
    """Train one classifier for ``steps`` steps; return its losses."""
    torch.manual_seed(seed)
    where = torch.device(device)
    network = Classifier(classes).to(where)
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True)
    criterion = nn.CrossEntropyLoss()
    data = TensorDataset(torch.from_numpy(images).float() / 127.5 - 1, torch.from_numpy(labels))
    loader = DataLoader(data, batch, shuffle=True, drop_last=True)
    losses: list[float] = []
    while len(losses) < steps:
        for x, y in loader:
            optimiser.zero_grad()
            loss = criterion(network(x.to(where)), y.to(where))
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            if len(losses) == steps:
                break
    return losses
