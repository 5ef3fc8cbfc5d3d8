"""The batches of a tail: inputs, targets and weights as functions of the batch's number."""
