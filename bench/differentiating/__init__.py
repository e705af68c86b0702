"""Meta-gradients of one shape of task, found in several ways, each measured in a process of its own."""
