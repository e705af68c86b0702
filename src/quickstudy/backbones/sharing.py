"""The weights of a backbone that is loaded, read under another scope: what a task moves is its own."""

import copy
import dataclasses
import functools

from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.running import Precision
from quickstudy.backbones.scope import Scope


@functools.lru_cache(maxsize=4)
def scoped(encoder: Encoder, scope: Scope) -> Encoder:
    """The same backbone with `scope`, in mixed precision where the processor has it. The weights are in memory once;
    the modules around them twice, since moved weights stand in for those of a module while it runs, and others may be
    reading through the first."""
    shared = {id(value): value for value in (*encoder.body.parameters(), *encoder.body.buffers())}
    body = copy.deepcopy(encoder.body, shared)
    precision: Precision = "bfloat16" if encoder.precision == "auto" else encoder.precision
    return dataclasses.replace(encoder, body=body, scope=scope, precision=precision, _bodies={})
