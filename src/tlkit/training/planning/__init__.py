"""What a training will run and how long it will take, told before it begins."""
