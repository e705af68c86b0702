"""The machine that a benchmark ran on, and how much of it was used."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("quickstudy", "torch", "transformers", "tokenizers", "scikit-learn")


def limited_to(cores: int) -> int:
    """Keeps this process and its children to so many cores; how many that are now. Call it before torch or
    tokenizers start their threads."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))[:cores]
        os.sched_setaffinity(0, allowed)
        cores = len(allowed)
    else:
        cores = min(cores, os.cpu_count() or 1)
    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(cores)
    return cores


def described(packages: tuple[str, ...] = PACKAGES) -> dict[str, object]:
    """Processor, cores of the machine and cores used, load at the start, and versions."""
    used = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "used": used,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8", errors="replace").splitlines() if told.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
