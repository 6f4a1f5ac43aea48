"""Everything that users choose by name, and where it is defined. Modules are imported on first use.

To add a dataset or a kind of network: write its file, and name its class here. `docs/doors.md` has a recipe for each.
"""

import importlib
from typing import Any

# Each is a frozen dataclass, a `gcn_tf.config.data.DatasetOptions`.
DATASETS = {
    "glyphs": "gcn_tf.pipelines.procedural.datasets:Glyphs",
    "qmnist": "gcn_tf.pipelines.qmnist.datasets:Qmnist",
    "mnist-style": "gcn_tf.pipelines.qmnist.datasets:MnistStyle",
    "faces": "gcn_tf.pipelines.procedural.datasets:Faces",
    "kdef": "gcn_tf.pipelines.kdef.dataset:Kdef",
    "folder": "gcn_tf.pipelines.folder.dataset:Folder",
    "tfds": "gcn_tf.pipelines.folder.tfds_dataset:TensorFlowDataset",
    "mmi": "gcn_tf.pipelines.mmi.dataset:Mmi",
}

# Each is a frozen dataclass, a `gcn_tf.config.networks.GeneratorConfig` or `ClassifierConfig`. The first is the default.
GENERATORS = {
    "deconvolution": "gcn_tf.model.generator:Deconvolution",
    "references": "gcn_tf.model.references.generator:References",
}
# Generators that are trained otherwise than by cooperation; each is a `gcn_tf.rivals.rival.RivalConfig`.
RIVALS = {
    "gan": "gcn_tf.rivals.gan:Gan",
    "dcgan": "gcn_tf.rivals.dcgan:DeepConvolutionalGan",
    "infogan": "gcn_tf.rivals.infogan:InfoGan",
    "cgan": "gcn_tf.rivals.cgan:ConditionalGan",
    "acgan": "gcn_tf.rivals.acgan:AuxiliaryClassifierGan",
    "projection": "gcn_tf.rivals.projection:ProjectionGan",
    "cvae": "gcn_tf.rivals.cvae:ConditionalVae",
    "pix2pix": "gcn_tf.rivals.pix2pix:Pix2Pix",
    "cyclegan": "gcn_tf.rivals.cyclegan:CycleGan",
    "discogan": "gcn_tf.rivals.cyclegan:DiscoGan",
    "stargan": "gcn_tf.rivals.stargan:StarGan",
    "caae": "gcn_tf.rivals.caae:ConditionalAdversarialAutoencoder",
    "drgan": "gcn_tf.rivals.drgan:DisentanglingGan",
    "dosovitskiy": "gcn_tf.rivals.dosovitskiy:Dosovitskiy",
    "deepsim": "gcn_tf.rivals.deepsim:DeepSim",
    "multigen": "gcn_tf.rivals.multigen:MultiGen",
}
CLASSIFIERS = {"alexnet": "gcn_tf.model.classifier:AlexNet"}

# Each is a module with `parse(words)`, `run(options)`, OWN_FLAGS and HELP, whose first line `gcn-tf --help` shows.
COMMANDS = {
    name: f"gcn_tf.commands.{name}"
    for name in (
        "train",
        "evaluate",
        "compare",
        "generate",
        "augment",
        "export",
        "share",
        "extend",
        "transfer",
        "tune",
        "study",
        "explore",
        "datasets",
    )
}


def find(place: str) -> Any:
    """The class behind "package.module:Class"."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
