"""The files of the word-level sets: their place in a data folder, where they are fetched, and what they must hold.

A file is pinned by a commit and the sha256 of its bytes. The files of full WiC and of word similarity are pinned by a
commit and the sha256 of their *rows* (cells joined by tabs, lines by newlines), because they are also passed on as
tables with a heading: both forms hold the same rows and are read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from harness.errors import HarnessError, near_names

RAW = "https://raw.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file: `path` in a data folder, and `repository`@`commit`/`upstream` where it is fetched.

    Either `sha256` (of the bytes) or `rows_sha256` is given. `table` is where the same rows may lie as a table.
    """

    path: str
    repository: str
    commit: str
    upstream: str
    sha256: str = ""
    rows_sha256: str = ""
    table: str = ""

    @property
    def address(self) -> str:
        """Where it lies below the server's root."""
        return quote(f"{self.repository}/{self.commit}/{self.upstream}")


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set by name: its files, and the work it comes from."""

    name: str
    files: tuple[SourceFile, ...]
    source: str

    @property
    def revision(self) -> str:
        """12 hex digits of what its files must hold."""
        text = "\n".join(file.sha256 or file.rows_sha256 for file in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _feng(path: str, sha256: str, *, upstream: str = "") -> SourceFile:
    return SourceFile(
        path=f"original/{path}",
        repository="Zhaoxin-Feng/semantic-probing-2025",
        commit="474ec8d048eebf31a5ff5906eb995469d8fa4b41",
        upstream=f"data/{upstream or path}",
        sha256=sha256,
    )


def _aspect(name: str, sha256: str) -> SourceFile:
    # Byte for byte what Feng et al. use, from the repository of its authors, whose licence (MIT) is stated.
    return SourceFile(
        path=f"original/Task2_Lexical_aspect_binary_classification/{name}.txt",
        repository="lenakmeth/telicity_classification",
        commit="98949ede6b1fdb51e2b36656853e30ce13f1a038",
        upstream=f"data/en/{name}.tsv",
        sha256=sha256,
    )


def _wic(part: str, kind: str, rows_sha256: str) -> SourceFile:
    return SourceFile(
        path=f"original/WiC_dataset/{part}/{part}.{kind}.txt",
        repository="Wenxin-Jiang/CS577-NLP",
        commit="17fb8ca981698024599b423ad140f1ac36608529",
        upstream=f"HW2/WiC_dataset/{part}/{part}.{kind}.txt",
        rows_sha256=rows_sha256,
        table=f"task5_wic/wic_{part}.tsv",
    )


def _similarity(name: str, rows_sha256: str) -> SourceFile:
    return SourceFile(
        path=f"word_similarity/{name}.txt",
        repository="mfaruqui/eval-word-vectors",
        commit="94b3dd9fdbac7ed08dbee7179cd5ee464acf0594",
        upstream=f"data/word-sim/{name}.txt",
        rows_sha256=rows_sha256,
        table=f"word_similarity/{name}.tsv",
    )


_CONTEXT = "Task1_Context-probes"
_NORMS = "contextualized_sensorimotor_norms_with_ls.txt"
_FENG = "Feng et al. 2025 (arXiv 2510.01652)"
WIC_TEST = (
    _feng("Task5_Word-in-context/test.data.txt", "28befe601f5bdbc8e452e9538f6d3582a164647ad5949a9808a74908e70031f7"),
    _feng("Task5_Word-in-context/test.gold.txt", "a69386c579762d9ddf988a61896a2e912f402410185f5e8316007093799b341f"),
)
DATA_SETS: tuple[DataSet, ...] = (
    DataSet(
        name="subject_animacy",
        source=_FENG,
        files=(
            _feng(
                f"{_CONTEXT}/subject_animacy/train.txt",
                "903b00d857796eb2d1295b8167de9ac17f954295db179f4ccb91cf8add1805e7",
            ),
            _feng(
                f"{_CONTEXT}/subject_animacy/test.txt",
                "cc766c2b02c21520b238cb4d5cf3639c7ce7a05da3f2fcb2d748be014030315b",
            ),
        ),
    ),
    DataSet(
        name="object_animacy",
        source=_FENG,
        files=(
            _feng(
                f"{_CONTEXT}/object_animacy/train.txt",
                "2392a0c921d1c4180e3549fb85f1d14b48ea2dbca671b29280947e3c4cceb154",
            ),
            _feng(
                f"{_CONTEXT}/object_animacy/test.txt",
                "32fb776531d083900e62b22c8cf9fe22b2cef8c19dc40457880cbedad6594f8f",
            ),
        ),
    ),
    DataSet(
        name="verb_causative",
        source=_FENG,
        files=(
            _feng(
                f"{_CONTEXT}/verb_causative/train.txt",
                "d9d573571efc6b6d0f34c83520ed56da1cf2311f7ef9d87e33387ac0fca82225",
            ),
            _feng(
                f"{_CONTEXT}/verb_causative/test.txt",
                "c4313deb2d27c69e5f4e517fde197061c7c3a55d47b2caf9f2111b01bdd60e94",
            ),
        ),
    ),
    DataSet(
        name="verb_dynamic",
        source=_FENG,
        files=(
            _feng(
                f"{_CONTEXT}/verb_dynamic/train.txt", "fa827149a92755d6e0d794a7444a15d4ec164f695c4acdf7c42f4fb8347ba7c4"
            ),
            _feng(
                f"{_CONTEXT}/verb_dynamic/test.txt", "22ed540044518a01453bb499347ce8eae1814a869629becc987cbdd6f9de127e"
            ),
        ),
    ),
    DataSet(
        name="telicity",
        source="Metheniti et al. 2022, annotated captions and MASC; the training file that Feng et al. 2025 use",
        files=(_aspect("telicity_train", "4271fc9ea990329e723d4ecaf4f9ffe2aef3a060d659f085d798241ae8e256b0"),),
    ),
    DataSet(
        name="duration",
        source="Metheniti et al. 2022; the training file that Feng et al. 2025 use",
        files=(_aspect("duration_train", "2df882c3ff88c11a51aef964accea8c016823d7452a167b51e856927d87f5547"),),
    ),
    DataSet(
        name="concretext",
        source="CONcreTEXT, EVALITA 2020 (Gregori et al.), the English test file",
        files=(
            _feng(
                "Task3_CONcreTEXT/CONcreTEXT_test_EN.txt",
                "6716baf9af44d8decc03d2ee152b3b79af5f2bf9de7b6b46637bcbdffc76fb74",
            ),
        ),
    ),
    DataSet(
        name="sensorimotor",
        source="Contextualized sensorimotor norms (Trott and Bergen 2022)",
        files=(
            _feng(
                f"Task4_Sensorimotor_norms/{_NORMS}",
                "464257a98a3d56e6d5a0f1873022ed03c606150a998da86cba73616baf2e1e7f",
                upstream=f"Task4_Sensorimotor norms/{_NORMS}",
            ),
        ),
    ),
    DataSet(name="wic", source="WiC (Pilehvar and Camacho-Collados 2019), its test set", files=WIC_TEST),
    DataSet(
        name="wic_full",
        source="WiC (Pilehvar and Camacho-Collados 2019), training, development and test set",
        files=(
            _wic("train", "data", "3a56ff8285ca9703d6c91dfb7cc79760171899c560bb6a8698fa4559a71b160d"),
            _wic("train", "gold", "3f614ca12c03a90fecc34471d8ae666f924a3c657b5620fcfb46d9b2b50bb7b2"),
            _wic("dev", "data", "1c360246ffa3904fc1d8f6f16bb7ae0d7980a1a27e9200e9b43c32fd35af11e7"),
            _wic("dev", "gold", "665ee959c2cf7db2a4255b7a049bdfa165b970482145cfd2ac456007d4dcf1d6"),
            *WIC_TEST,
        ),
    ),
    DataSet(
        name="rg65",
        source="RG-65 (Rubenstein and Goodenough 1965)",
        files=(_similarity("EN-RG-65", "c243f3a91c3f5d8cf67f21a67f6fb80bde8b6bb060851a6a48e6f2d68ec98c9f"),),
    ),
    DataSet(
        name="wordsim353",
        source="WordSim-353 (Finkelstein et al. 2001)",
        files=(_similarity("EN-WS-353-ALL", "7968d0b0f8851fd1932c0aa998482f12396761774769450b290f142f52942b8c"),),
    ),
    DataSet(
        name="simlex999",
        source="SimLex-999 (Hill et al. 2015)",
        files=(_similarity("EN-SIMLEX-999", "405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685"),),
    ),
    DataSet(
        name="simverb3500",
        source="SimVerb-3500 (Gerz et al. 2016)",
        files=(_similarity("EN-SimVerb-3500", "2464a2b1b9128ca28b482ad438231fc94961b32cc5b75787549f931460b934c9"),),
    ),
)


@cache
def _by_name() -> dict[str, DataSet]:
    return {each.name: each for each in DATA_SETS}


def get_data_set(name: str) -> DataSet:
    """The data set called `name`; HarnessError if there is none."""
    if name not in _by_name():
        raise HarnessError(f"no word-level data set is named {name!r}; {near_names(name, _by_name())}")
    return _by_name()[name]
