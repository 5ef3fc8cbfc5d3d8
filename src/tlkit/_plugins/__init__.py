"""Ground floor: plugins found, loaded one by one, and listed with what is wrong with them."""
