"""Model sets: the folder, the opened checkpoints, the key-value cache, rollouts. Ids in, tensors out."""
