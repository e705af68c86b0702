"""learn2learn 0.2.0 and higher 0.2.1 as they were published: only the files that hold the algorithms, by their sha256.

Without learn2learn's own `__init__.py`, which imports its compiled data part, its folders are namespace packages and
`learn2learn.algorithms.maml` can be imported by itself. Both are MIT and Apache-2.0; they stay in the user's cache.
"""

import importlib
import sys
import warnings
from types import ModuleType

from quickstudy.core.wheels import Package, located

_FILES = "https://files.pythonhosted.org/packages/"
LEARN2LEARN = Package(
    "learn2learn",
    "0.2.0",
    "learn2learn-0.2.0.tar.gz",
    "69f1d7cb0d0a6be7a2c6ad8e83e2ebbe70fb05e51d61e45e63078b40c75ea419",
    (
        *(f"learn2learn-0.2.0/learn2learn/algorithms/{name}.py" for name in ("base_learner", "maml", "meta_sgd")),
        "learn2learn-0.2.0/learn2learn/utils/__init__.py",
    ),
    url=f"{_FILES}7c/6a/5d9b57c2aec439035f3e02f23454ae9cc888aa2388bfe9443476834ada2c/learn2learn-0.2.0.tar.gz",
)
HIGHER = Package(
    "higher",
    "0.2.1",
    "higher-0.2.1.tar.gz",
    "f5b7baa668be5dc59cca9ae06c4ed14c2bd2fe5ca8283f95db660e8732513c1d",
    tuple(f"higher-0.2.1/higher/{name}.py" for name in ("__init__", "optim", "patch", "utils")),
    url=f"{_FILES}fc/07/6b15c672bf1c0e561b695bb54a67eb0c94ffe7f898a1f8927ac37f96de90/higher-0.2.1.tar.gz",
)


def module(package: Package, name: str) -> ModuleType:
    """A module of the package, fetched where it is not there yet. Errors: QuickstudyError without a network."""
    folder = str(located(package) / f"{package.project}-{package.version}")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # higher compares a number with `is`
        found = importlib.import_module(name)
    if not str(found.__file__).startswith(folder):
        raise SystemExit(f"{name} was imported from {found.__file__}, not from {folder}; uninstall {package.project}")
    return found
