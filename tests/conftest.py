"""Small models are slower on two threads than on one, and many times slower where others use the machine too."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
