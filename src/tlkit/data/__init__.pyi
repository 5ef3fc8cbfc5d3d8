# The public names of this room.

from .augmentation.color import ColorJitter as ColorJitter
from .augmentation.erasing import RandomErasing as RandomErasing
from .augmentation.geometric import Augmentation as Augmentation
from .augmentation.rand_augment import RandAugment as RandAugment
from .augmentation.show_augmented import show_augmented as show_augmented
from .damage import DamageReport as DamageReport
from .dataset import ImageDataset as ImageDataset
from .multi_label import MultiLabelDataset as MultiLabelDataset
from .unlabelled import UnlabelledImages as UnlabelledImages

__all__: list[str]
