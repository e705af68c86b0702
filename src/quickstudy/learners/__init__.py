"""Ways of learning to learn, one file each; all of them are `core.protocols.Learner`."""
