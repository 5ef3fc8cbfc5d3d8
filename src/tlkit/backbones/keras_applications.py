"""The networks of keras.applications: one table, and a plugin for each Keras module.

Each plugin is an object of this module under the name of its Keras module, to which an entry point
of tlkit's own refers. A new network is a row, a new Keras module also an object and an entry point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tlkit._keras.types import Tensor
from tlkit._plugins.hooks import hookimpl
from tlkit.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tlkit.backbones.spec import BackboneSpec

# build(class_name, input_tensor, weights) -> keras.Model
Builder = Callable[[str, Any, str | None], Any]


@dataclass(frozen=True)
class Network:
    """A class of keras.applications: what differs between those of one Keras module.

    Args:
        class_name: Keras's name, for example ``"DenseNet121"``; accepted as an alias.
        name: tlkit's name.
        default_size: Side in pixels that the published weights were trained with.
        feature_count: Channels of the last feature map.
        parameters: Weights of the network without its top.
        top1: ImageNet top-1 accuracy in 0..1.
    """

    class_name: str
    name: str
    default_size: int
    feature_count: int
    parameters: int
    top1: float


# By Keras module: class in Keras, name here, pixels, features, parameters, top-1.
NETWORKS = {
    "convnext": (
        Network("ConvNeXtTiny", "convnext_tiny", 224, 768, 27_820_128, 0.813),
        Network("ConvNeXtSmall", "convnext_small", 224, 768, 49_454_688, 0.823),
        Network("ConvNeXtBase", "convnext_base", 224, 1024, 87_566_464, 0.853),
        Network("ConvNeXtLarge", "convnext_large", 224, 1536, 196_230_336, 0.863),
        Network("ConvNeXtXLarge", "convnext_xlarge", 224, 2048, 348_147_968, 0.867),
    ),
    "densenet": (
        Network("DenseNet121", "densenet121", 224, 1024, 7_037_504, 0.75),
        Network("DenseNet169", "densenet169", 224, 1664, 12_642_880, 0.762),
        Network("DenseNet201", "densenet201", 224, 1920, 18_321_984, 0.773),
    ),
    "efficientnet": (
        Network("EfficientNetB0", "efficientnet_b0", 224, 1280, 4_049_571, 0.771),
        Network("EfficientNetB1", "efficientnet_b1", 240, 1280, 6_575_239, 0.791),
        Network("EfficientNetB2", "efficientnet_b2", 260, 1408, 7_768_569, 0.801),
        Network("EfficientNetB3", "efficientnet_b3", 300, 1536, 10_783_535, 0.816),
        Network("EfficientNetB4", "efficientnet_b4", 380, 1792, 17_673_823, 0.829),
        Network("EfficientNetB5", "efficientnet_b5", 456, 2048, 28_513_527, 0.836),
        Network("EfficientNetB6", "efficientnet_b6", 528, 2304, 40_960_143, 0.84),
        Network("EfficientNetB7", "efficientnet_b7", 600, 2560, 64_097_687, 0.843),
    ),
    "efficientnet_v2": (
        Network("EfficientNetV2B0", "efficientnet_v2_b0", 224, 1280, 5_919_312, 0.787),
        Network("EfficientNetV2B1", "efficientnet_v2_b1", 240, 1280, 6_931_124, 0.798),
        Network("EfficientNetV2B2", "efficientnet_v2_b2", 260, 1408, 8_769_374, 0.805),
        Network("EfficientNetV2B3", "efficientnet_v2_b3", 300, 1536, 12_930_622, 0.82),
        Network("EfficientNetV2S", "efficientnet_v2_s", 384, 1280, 20_331_360, 0.839),
        Network("EfficientNetV2M", "efficientnet_v2_m", 480, 1280, 53_150_388, 0.853),
        Network("EfficientNetV2L", "efficientnet_v2_l", 480, 1280, 117_746_848, 0.857),
    ),
    "inception_resnet_v2": (
        Network("InceptionResNetV2", "inception_resnet_v2", 299, 1536, 54_336_736, 0.803),
    ),
    "inception_v3": (Network("InceptionV3", "inception_v3", 299, 2048, 21_802_784, 0.779),),
    "mobilenet": (Network("MobileNet", "mobilenet", 224, 1024, 3_228_864, 0.704),),
    "mobilenet_v2": (Network("MobileNetV2", "mobilenet_v2", 224, 1280, 2_257_984, 0.713),),
    "mobilenet_v3": (
        Network("MobileNetV3Small", "mobilenet_v3_small", 224, 576, 939_120, 0.681),
        Network("MobileNetV3Large", "mobilenet_v3_large", 224, 960, 2_996_352, 0.756),
    ),
    "nasnet": (
        Network("NASNetMobile", "nasnet_mobile", 224, 1056, 4_269_716, 0.744),
        Network("NASNetLarge", "nasnet_large", 331, 4032, 84_916_818, 0.825),
    ),
    "resnet": (
        Network("ResNet50", "resnet50", 224, 2048, 23_587_712, 0.749),
        Network("ResNet101", "resnet101", 224, 2048, 42_658_176, 0.764),
        Network("ResNet152", "resnet152", 224, 2048, 58_370_944, 0.766),
    ),
    "resnet_v2": (
        Network("ResNet50V2", "resnet50_v2", 224, 2048, 23_564_800, 0.76),
        Network("ResNet101V2", "resnet101_v2", 224, 2048, 42_626_560, 0.772),
        Network("ResNet152V2", "resnet152_v2", 224, 2048, 58_331_648, 0.78),
    ),
    "vgg16": (Network("VGG16", "vgg16", 224, 512, 14_714_688, 0.713),),
    "vgg19": (Network("VGG19", "vgg19", 224, 512, 20_024_384, 0.713),),
    "xception": (Network("Xception", "xception", 299, 2048, 20_861_480, 0.79),),
}


def build_application(class_name: str, input_tensor: Tensor, weights: str | None) -> Any:
    """Build a keras.applications class without its top on an input tensor."""
    import keras

    # MobileNet and MobileNetV2 pick their weights file by input_shape, not by input_tensor.
    return getattr(keras.applications, class_name)(
        include_top=False,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=input_tensor.shape[1:],
    )


def build_efficientnet(class_name: str, input_tensor: Tensor, weights: str | None) -> Any:
    """Build an EfficientNet whose input is the same wherever its weights come from.

    Keras multiplies the normalized image by 1 / sqrt(std) only where ``weights="imagenet"``.
    With weights from a file, or loaded later, that step would be missing: here it is put in front.
    Behind ``x / 255 - mean`` a factor c is the same as ``c x + 255 mean (1 - c)`` before it.
    """
    from keras import layers

    if weights == "imagenet":
        return build_application(class_name, input_tensor, weights)
    factors = [std**-0.5 for std in IMAGENET_STD]
    offsets = [255 * mean * (1 - c) for mean, c in zip(IMAGENET_MEAN, factors, strict=True)]
    rescaled = layers.Rescaling(factors, offsets, name="imagenet_rescaling")(input_tensor)
    return build_application(class_name, rescaled, weights)


def build_nasnet(class_name: str, input_tensor: Tensor, weights: str | None) -> Any:
    """Build a NASNet without its top on an input tensor."""
    import keras

    # With an input_shape that is not its default, NASNet refuses its ImageNet weights, though
    # they fit: the size is left to input_tensor.
    factory = getattr(keras.applications, class_name)
    return factory(include_top=False, weights=weights, input_tensor=input_tensor)


@dataclass(frozen=True)
class KerasModule:
    """A module of keras.applications, as a plugin that provides its networks.

    Args:
        name: Of the Keras module.
        family: The architecture that its networks belong to.
        preprocessing: What they were trained on, see `BackboneSpec`.
        weights_license: Licence of their pretrained weights.
        arxiv: Number of the paper on arXiv.
        min_size: Smallest side in pixels that they accept.
        top1_source: Where their top-1 accuracies are published.
        build: Builds one of them.
    """

    name: str
    family: str
    preprocessing: str
    weights_license: str
    arxiv: str
    min_size: int = 32
    top1_source: str = "https://keras.io/api/applications/"
    build: Builder = build_application

    @hookimpl
    def tlkit_backbones(self) -> list[BackboneSpec]:
        """Return the backbones of this Keras module."""
        return [self._spec(network) for network in NETWORKS[self.name]]

    def _spec(self, network: Network) -> BackboneSpec:
        return BackboneSpec(
            name=network.name,
            family=self.family,
            build=partial(self.build, network.class_name),
            preprocessing=self.preprocessing,
            default_size=network.default_size,
            min_size=self.min_size,
            feature_count=network.feature_count,
            parameters=network.parameters,
            weights=("imagenet",),
            weights_license=self.weights_license,
            top1=network.top1,
            top1_source=self.top1_source,
            paper=f"https://arxiv.org/abs/{self.arxiv}",
            aliases=(network.class_name,),
        )


# Keras module, family, preprocessing, licence of the weights, paper on arXiv.
convnext = KerasModule("convnext", "ConvNeXt", "raw", "MIT", "2201.03545")
densenet = KerasModule("densenet", "DenseNet", "torch", "BSD-3-Clause", "1608.06993")
efficientnet = KerasModule(
    "efficientnet", "EfficientNet", "raw", "Apache-2.0", "1905.11946", build=build_efficientnet
)
efficientnet_v2 = KerasModule(
    "efficientnet_v2", "EfficientNetV2", "raw", "Apache-2.0", "2104.00298"
)
inception_resnet_v2 = KerasModule(
    "inception_resnet_v2", "InceptionResNetV2", "tf", "Apache-2.0", "1602.07261", min_size=75
)
inception_v3 = KerasModule(
    "inception_v3", "InceptionV3", "tf", "Apache-2.0", "1512.00567", min_size=75
)
mobilenet = KerasModule("mobilenet", "MobileNet", "tf", "Apache-2.0", "1704.04861")
mobilenet_v2 = KerasModule("mobilenet_v2", "MobileNetV2", "tf", "Apache-2.0", "1801.04381")
mobilenet_v3 = KerasModule(
    "mobilenet_v3",
    "MobileNetV3",
    "raw",
    "Apache-2.0",
    "1905.02244",
    top1_source="https://arxiv.org/abs/1905.02244",
)
nasnet = KerasModule("nasnet", "NASNet", "tf", "Apache-2.0", "1707.07012", build=build_nasnet)
resnet = KerasModule("resnet", "ResNet", "caffe", "MIT", "1512.03385")
resnet_v2 = KerasModule("resnet_v2", "ResNetV2", "tf", "BSD-3-Clause", "1603.05027")
vgg16 = KerasModule("vgg16", "VGG", "caffe", "CC-BY-4.0", "1409.1556")
vgg19 = KerasModule("vgg19", "VGG", "caffe", "CC-BY-4.0", "1409.1556")
xception = KerasModule("xception", "Xception", "tf", "MIT", "1610.02357", min_size=71)
