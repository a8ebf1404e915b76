"""Find retired terms in source and docs: ``python -m tests.wording [PATH ...]``.

One thing has one name, and the name is the standard one (CONTRIBUTING.md). Invented words are
searched for everywhere as whole words; ordinary words that once had a special meaning ("choose",
"cells") only where they had it.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATHS = (
    "src",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "examples",
    "benchmarks",
    "experiments",
)
EXEMPT = {"experiments/same_numbers.py"}
"""Compares results with those under the old names."""
SUFFIXES = {".py", ".md", ".j2", ".html", ".css", ".js", ".sh"}

COMPUTE = ("src/fewray/compute",)
READER_STUDIES = r"reader|/app/|CHANGELOG|docs/(app\.md|cli\.md|schema)"
"""Files about reader studies, where readers answer questions."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """A retired term: a pattern, what to write instead, and where it is retired or still right."""

    name: str
    pattern: str
    use: str
    allow: str = ""
    """What a match may be part of: a longer pattern on the same line."""
    below: tuple[str, ...] = ("",)
    """The term is retired in files whose path starts with one of these."""
    unless: str = ""
    """A pattern: the term is right in files whose path matches it."""
    prose: bool = False
    """Search comments and strings of Python files only."""


def word(*words: str) -> str:
    """Return a pattern for whole words, which underscores and capitals delimit as well."""
    return rf"(?<![A-Za-z])(?:{'|'.join(words)})(?![a-z])"


PER = (
    "class|fold|seed|core|arm|card|process|patient|task|worker|step|epoch|batch|training|generator"
)
COUNTED = (
    "one|two|three|four|five|six|ten|generators?|images?|seeds?|dots?|threads?|runs?|jobs?|networks?|steps?|models?|"
    r"tasks?|GiB|MiB|MB|seconds?|minutes?|points?|\d+"
)
STUDY = ("src/fewray/study", "src/fewray/report", "src/fewray/cli", "docs", "README")
TERMS = (
    Term(name="teller", pattern=word("tellers?", "Tellers?"), use="progress reporter, on_progress"),
    Term(name="told", pattern=word("told", "Told"), use="identified, reported"),
    Term(
        name="places/planned",
        pattern=r"cli[./](places|planned)\b|\bparser=place\b",
        use="CLI params; dry-run output",
    ),
    Term(name="parcels", pattern=word("parcels?", "Parcels?"), use="task transfer"),
    Term(name="travels", pattern=word("travels?", "travelled"), use="stages_files"),
    Term(
        name="tokens", pattern=word("tokens?", "Tokens?"), use="shared-folder check", below=COMPUTE
    ),
    Term(
        name="lay/covers", pattern=word("lay", "covers"), use="shared-folder check", below=COMPUTE
    ),
    Term(
        name="apart",
        pattern=word("apart"),
        use="held out, exclude_same_patient",
        allow="apart from|far apart",
    ),
    Term(name="left_out", pattern=r"\bleft_out", use="skipped files", unless=READER_STUDIES),
    Term(name="strangers", pattern=word("strangers?", "Strangers?"), use="unexpected files"),
    Term(
        name="rows (of features)",
        pattern=r"extractor\([^)]*\)\.rows\b|\bfeatures\.rows\b|feature_rows",
        use="feature matrix",
    ),
    Term(
        name="judge",
        pattern=word("judges?", "judged", "Judge"),
        use="quality report",
        allow="[Tt]o judge",
    ),
    Term(name="court", pattern=word("courts?"), use="quality report"),
    Term(
        name="sources",
        pattern=r'\bdef sources\b|\bsources=|\.sources\b|"sources"',
        use="provenance",
        below=("src/",),
    ),
    Term(name="rows_seen", pattern="rows_seen", use="training_hashes"),
    Term(
        name="finished/earlier/folding",
        pattern=r'class Finished|def finished|"finished"|study\.finished|'
        r"\.earlier\b|\bearlier[=:]|\bfolding\b",
        use="history, fold assignment",
    ),
    Term(
        name="cells",
        pattern=word("cells?", "Cells?"),
        use="runs, classifier runs",
        below=(
            "src/fewray/study",
            "src/fewray/classify",
            "src/fewray/pipelines",
            "src/fewray/generators",
        ),
    ),
    Term(
        name="Cell/Place/Work",
        pattern=r"\b(Cell|Place|Work)\b(?=[\[\](),:=]| \|)",
        use="FoldKey, RunContext",
    ),
    Term(
        name="fitting",
        pattern=r"\bdef fitting|\bfitting\(|\bfitting\.py|\bFitting\b",
        use="job runner",
    ),
    Term(name="lanes", pattern=word("lanes?", "Lanes?"), use="streams"),
    Term(
        name="partitions",
        pattern=r"(?<![.r])" + word("partitions?", "Partitions?"),
        use="repeats",
        allow="Data partitions",  # an item of CLAIM 2024
    ),
    Term(
        name="choose",
        pattern=r"--choose\b|\.choose\b|\bchoose[=:]|[\"']choose[\"']|`choose`|--choices\b",
        use="inner model selection",
    ),
    Term(name="Setting", pattern=r"\bSettings?\b(?=[\[\](=])", use="SelectedConfig"),
    Term(name="answer", pattern=word("answer", "Answer"), use="conclusion", unless=READER_STUDIES),
    Term(name="clusters", pattern=r"\bclusters\b", use="patients, patient bootstrap", below=STUDY),
    Term(name="PatientDraws", pattern="PatientDraws", use="PatientBootstrap"),
    Term(
        name="copy_bar",
        pattern=r"copy[_ ]bars?\b|\bBar\b(?=[\[\](.=])",
        use="copy threshold, CopyThreshold",
    ),
    Term(
        name="bar",
        pattern=word("bars?"),
        use="threshold",
        below=(
            "src/fewray/quality",
            "src/fewray/pipelines",
            "src/fewray/generators",
            "docs/metrics",
            "docs/health",
        ),
    ),
    Term(
        name="floor",
        pattern=word("floors?", "Floors?"),
        use="real-vs-real baseline",
        allow=r"(np|math|torch)\.floor|floor\(|rounding_mode=.floor.|floor division|floor_divide",
    ),
    Term(
        name="ceiling",
        pattern=word("ceilings?", "Ceilings?"),
        use="noise baseline; peak (of a machine)",
    ),
    Term(name="restless", pattern=word("restless"), use="high training variance"),
    Term(name="swayed", pattern=word("swayed", "sways?"), use="high training variance"),
    Term(name="usefulness", pattern=word("usefulness", "Usefulness"), use="TSTR / TRTS"),
    Term(name="modern", pattern=word("modern", "Modern"), use="resnet"),
    Term(
        name="versions (of an image)",
        pattern=r"\bn_versions|\bversions_per|augmented versions|"
        r"versions of (an?|the|each|every|its) (image|row|film)|"
        r"options\.versions|\bversions: int",
        use="augmented copies",
    ),
    Term(name="trainings", pattern=word("trainings", "Trainings"), use="training runs"),
    Term(
        name="a training",
        pattern=r"\b([Aa]|one|each|every|per|another) training\b"
        r"(?=[.,;:)`]|$| (is|was|that|which|of|in|on|with|and|takes|can)\b)",
        use="a training run",
    ),
    Term(name="film", pattern=word("films?", "Films?"), use="image"),
    Term(name="twins", pattern=word("twins?", "Twins?"), use="near-duplicates"),
    Term(name="joined", pattern=word("joined", "Joined"), use="merged", allow="joined_labels"),
    Term(
        name="trial",
        pattern=word("trials?", "Trials?", "TRIAL"),
        use="crossval; study (in text)",
        allow="clinical trials?|called `trial`",
    ),
    Term(
        name="arm none",
        pattern=r"arms? [`'\"]?none\b|\bnone: no evidence|\bARM_NONE\b",
        use="no_augmentation",
    ),
    Term(
        name="chance",
        pattern=word("chance", "Chance"),
        use="majority-class rate",
        allow="by chance",
    ),
    Term(
        name="seen (of effects)",
        pattern=r"have been seen|seen with \d|(effect|difference)s? [^.;]{0,40}\bseen with\b",
        use="detected",
    ),
    Term(name="is wanted", pattern=word("wanted"), use="expected X"),
    Term(name="X a class", pattern=rf"\b({COUNTED}) an? ({PER})\b", use="X per class"),
    Term(name="80 %", pattern=r"[\d}] %(?=[\s.,;:)\"'\]|]|$)", use="80%", prose=True),
    Term(name="anew", pattern=word("anew"), use="again"),
    Term(name="mend", pattern=word("mend", "mends", "mended"), use="repair, fix"),
    Term(name="goes on", pattern=r"\bgo(es)? on where\b|\bgoes on\b", use="resumes"),
)


@dataclass(frozen=True, order=True)
class Finding:
    """A retired term in a file; line 0 is the file's name."""

    path: str
    line: int
    term: str
    use: str
    text: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.term} -> {self.use}: {self.text.strip()[:120]}"


def search(paths: Sequence[str] = PATHS, root: Path = ROOT) -> list[Finding]:
    """Return every retired term below ``paths``, in order."""
    found = []
    for name in paths:
        start = (root / name).resolve()
        files = sorted(start.rglob("*")) if start.is_dir() else [start]
        for path in files:
            if path.suffix in SUFFIXES and not path.as_posix().endswith(tuple(EXEMPT)):
                found += search_file(path, root)
    return found


def search_file(path: Path, root: Path = ROOT) -> list[Finding]:
    """Return the retired terms in the name and the lines of one file."""
    relative = path.resolve().relative_to(root.resolve()).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    seeds = set(_seed_labels(lines)) if path.suffix == ".py" else set()
    prose = _prose(text) if path.suffix == ".py" else dict(enumerate(lines, 1))
    found = []
    for term in TERMS:
        if not relative.startswith(term.below) or (
            term.unless and re.search(term.unless, relative)
        ):
            continue
        if re.search(term.pattern, path.stem):
            found.append(Finding(relative, 0, term.name, term.use, path.name))
        for number, line in prose.items() if term.prose else enumerate(lines, 1):
            left = re.sub(term.allow, "", line) if term.allow else line
            if number not in seeds and re.search(term.pattern, left):
                found.append(Finding(relative, number, term.name, term.use, lines[number - 1]))
    return sorted(found)


def _seed_labels(lines: Sequence[str]) -> Iterator[int]:
    """Yield the lines with labels of random streams, which decide the numbers and never change."""
    for number, line in enumerate(lines, 1):
        if "child_seed(" in line:
            yield number


def _prose(source: str) -> dict[int, str]:
    """Return the text of comments and strings by line."""
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    found: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            for offset, text in enumerate(token.string.splitlines()):
                number = token.start[0] + offset
                found[number] = f"{found.get(number, '')}{text}"
    return found


if __name__ == "__main__":
    findings = search(sys.argv[1:] or PATHS)
    print(*findings, sep="\n")
    print(f"{len(findings)} retired terms", file=sys.stderr)
    sys.exit(bool(findings))
