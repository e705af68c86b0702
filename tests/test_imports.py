"""Who may import whom (docs/architecture.md), and that nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "quickstudy"
MAY_IMPORT = {
    "core": set(),
    "text": {"core"},
    "backbones": {"core"},
    "kinds": {"text", "core"},
    "learners": {"backbones", "core"},
    "pretext": {"corpus", "kinds", "text", "core"},
    "episodes": {"core"},
    "corpus": {"episodes", "backbones", "text", "core"},
    "training": {"episodes", "core"},
    "evaluation": {"core"},
    "store": {"core"},
}
FILES = sorted(SOURCE.rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """The modules of ours that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names}
                if node.module == "quickstudy"
                else {node.module or ""}
            )
    return {name for name in found if name.split(".")[0] == "quickstudy"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0]
    if part not in MAY_IMPORT:
        return
    others = {name.split(".")[1] for name in imported(ast.parse(path.read_text())) if "." in name}
    assert others <= MAY_IMPORT[part] | {part}


def test_every_folder_has_a_rule() -> None:
    folders = {path.parent.relative_to(SOURCE).parts[0] for path in FILES if path.parent != SOURCE}
    assert folders - {"cli", "models"} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 240, "a module of about 200 lines at most"


def test_importing_quickstudy_does_not_import_torch() -> None:
    code = "import sys, quickstudy; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
