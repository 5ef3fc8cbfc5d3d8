"""Running one stage: phases, optimizer, epochs, the best weights kept."""
