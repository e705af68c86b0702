"""placeholder"""


def evaluate() -> None: ...
