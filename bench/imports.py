"""How long `import quickstudy` and `quickstudy --help` take in a fresh process."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.shared.machine import described
from bench.shared.options import options
from bench.shared.result import Bar, Output, median_and_range

IMPORT = "import time; t = time.perf_counter(); import quickstudy; print(time.perf_counter() - t)"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--repeat", type=int, default=10, help="measurements of each (10)")
    asked = parser.parse_args()
    machine = described()
    script = Path(sys.executable).with_name("quickstudy")
    program = [str(script)] if script.is_file() else [sys.executable, "-m", "quickstudy"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import quickstudy": [sys.executable, "-c", IMPORT],
        "quickstudy --help": [*program, "--help"],
    }
    whole: dict[str, list[float]] = {name: [] for name in commands}
    inside: list[float] = []
    for command in commands.values():  # so that the files lie in the system's cache
        _run(command)
    for _ in range(asked.repeat):
        for name, command in commands.items():
            start = time.perf_counter()
            said = _run(command)
            whole[name].append(time.perf_counter() - start)
            if name == "import quickstudy":
                inside.append(float(said))
    out = Output("imports")
    out.table(
        f"Seconds, median of {asked.repeat} fresh processes (range)",
        ("", "whole process", "the import alone"),
        [
            (name, median_and_range(times), median_and_range(inside) if name == "import quickstudy" else "")
            for name, times in whole.items()
        ],
    )
    bars = [
        Bar("import_seconds", median(inside), 0.3, "at most"),
        Bar("help_seconds", median(whole["quickstudy --help"]), 0.5, "at most"),
    ]
    figures = {
        "seconds_whole": whole,
        "seconds_import": inside,
        "import_whole_process_seconds": median(whole["import quickstudy"]),
    }
    out.close(bars, figures, machine, (), asked.write)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


if __name__ == "__main__":
    main()
