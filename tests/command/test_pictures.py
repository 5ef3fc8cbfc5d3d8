"""What the command says of the pictures that it found."""

from __future__ import annotations

import numpy as np

from tlkit import ImageDataset
from tlkit.command.pictures import table_of_classes


def test_a_class_that_a_part_lacks_has_none_and_of_many_classes_the_rest_is_counted() -> None:
    names = [f"class {number}" for number in range(60)]
    images = np.zeros((60, 4, 4, 3), np.uint8)
    many, few = (
        ImageDataset.from_arrays(images, names),
        ImageDataset.from_arrays(images[:1], [0], names),
    )
    lines = table_of_classes({"training": many, "validation": few}).splitlines()
    assert len({len(line) for line in lines if line[-1].isdigit()}) == 1
    assert lines[1].split() == ["class", "0", "1", "1"]
    assert lines[2].split() == ["class", "1", "1", "0"]
    assert lines[-2] == "... and 20 more"
    assert lines[-1].split() == ["together", "60", "1"]
