"""The papers behind the figures and tables of a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A paper: enough to find it, and to cite it in BibTeX."""

    authors: str
    title: str
    where: str
    year: int
    doi: str = ""
    arxiv: str = ""

    @property
    def short(self) -> str:
        """Return "Cameron et al. (2011)"."""
        names = self.authors.split(" and ")
        first = names[0].split(",")[0]
        if len(names) == 2 and names[1] != "others":
            first += f" and {names[1].split(',')[0]}"
        elif len(names) > 1:
            first += " et al."
        return f"{first} ({self.year})"

    @property
    def address(self) -> str:
        """Return the address of the paper, or an empty text."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""

    def bibtex(self, key: str) -> str:
        """Return the BibTeX entry under ``key``."""
        fields = {
            "author": self.authors,
            "title": f"{{{self.title}}}",
            "journal": self.where,
            "year": str(self.year),
            "doi": self.doi,
            "eprint": self.arxiv,
        }
        body = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items() if text)
        return f"@article{{{key},\n{body}\n}}"


REFERENCES: dict[str, Reference] = {
    "cameron2011": Reference(
        "Cameron, A. Colin and Gelbach, Jonah B. and Miller, Douglas L.",
        "Robust inference with multiway clustering",
        "Journal of Business & Economic Statistics",
        2011,
        doi="10.1198/jbes.2010.07136",
    ),
    "holm1979": Reference(
        "Holm, Sture",
        "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics",
        1979,
    ),
    "nadeau2003": Reference(
        "Nadeau, Claude and Bengio, Yoshua",
        "Inference for the generalization error",
        "Machine Learning",
        2003,
        doi="10.1023/A:1024068626366",
    ),
    "wilson1927": Reference(
        "Wilson, Edwin B.",
        "Probable inference, the law of succession, and statistical inference",
        "Journal of the American Statistical Association",
        1927,
        doi="10.1080/01621459.1927.10502953",
    ),
    "fridadar2018": Reference(
        "Frid-Adar, Maayan and others",
        "GAN-based synthetic medical image augmentation for increased CNN performance in liver "
        "lesion classification",
        "Neurocomputing",
        2018,
        doi="10.1016/j.neucom.2018.09.013",
        arxiv="1803.01229",
    ),
    "radford2016": Reference(
        "Radford, Alec and Metz, Luke and Chintala, Soumith",
        "Unsupervised representation learning with deep convolutional generative adversarial "
        "networks",
        "ICLR",
        2016,
        arxiv="1511.06434",
    ),
    "karras2022": Reference(
        "Karras, Tero and Aittala, Miika and Aila, Timo and Laine, Samuli",
        "Elucidating the design space of diffusion-based generative models",
        "NeurIPS",
        2022,
        arxiv="2206.00364",
    ),
    "heusel2017": Reference(
        "Heusel, Martin and others",
        "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
        "NeurIPS",
        2017,
        arxiv="1706.08500",
    ),
    "binkowski2018": Reference(
        "Binkowski, Mikolaj and others", "Demystifying MMD GANs", "ICLR", 2018, arxiv="1801.01401"
    ),
    "naeem2020": Reference(
        "Naeem, Muhammad Ferjad and others",
        "Reliable fidelity and diversity metrics for generative models",
        "ICML",
        2020,
        arxiv="2002.09797",
    ),
    "kynkaanniemi2019": Reference(
        "Kynkaanniemi, Tuomas and others",
        "Improved precision and recall metric for assessing generative models",
        "NeurIPS",
        2019,
        arxiv="1904.06991",
    ),
    "stein2023": Reference(
        "Stein, George and others",
        "Exposing flaws of generative model evaluation metrics and their unfair treatment of "
        "diffusion models",
        "NeurIPS",
        2023,
        arxiv="2306.04675",
    ),
    "meehan2020": Reference(
        "Meehan, Casey and Chaudhuri, Kamalika and Dasgupta, Sanjoy",
        "A non-parametric test to detect data-copying in generative models",
        "AISTATS",
        2020,
        arxiv="2004.05675",
    ),
    "dar2024": Reference(
        "Dar, Salman Ul Hassan and others",
        "Unconditional latent diffusion models memorize patient imaging data",
        "Nature Biomedical Engineering",
        2025,
        doi="10.1038/s41551-025-01468-8",
        arxiv="2402.01054",
    ),
    "degrave2021": Reference(
        "DeGrave, Alex J. and Janizek, Joseph D. and Lee, Su-In",
        "AI for radiographic COVID-19 detection selects shortcuts over signal",
        "Nature Machine Intelligence",
        2021,
        doi="10.1038/s42256-021-00338-7",
    ),
    "claim2024": Reference(
        "Tejani, Ali S. and others",
        "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update",
        "Radiology: Artificial Intelligence",
        2024,
        doi="10.1148/ryai.240300",
    ),
    "tripodai2024": Reference(
        "Collins, Gary S. and others",
        "TRIPOD+AI statement: updated guidance for reporting clinical prediction models that use "
        "regression or machine learning methods",
        "BMJ",
        2024,
        doi="10.1136/bmj-2023-078378",
    ),
    "stardai2025": Reference(
        "Sounderajah, Viknesh and others",
        "The STARD-AI reporting guideline for diagnostic accuracy studies using artificial "
        "intelligence",
        "Nature Medicine",
        2025,
        doi="10.1038/s41591-025-03953-8",
    ),
    "miclaimgen2025": Reference(
        "Miao, Brenda Y. and others",
        "The MI-CLAIM-GEN checklist for generative artificial intelligence in health",
        "Nature Medicine",
        2025,
        doi="10.1038/s41591-024-03470-0",
        arxiv="2403.02558",
    ),
}
"""By key, as used in ``cites`` of figures and tables."""
