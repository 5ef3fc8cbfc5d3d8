"""From a loss curve to one learning rate, or the reason why there is none."""
