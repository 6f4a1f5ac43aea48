"""The Generative Cooperative Net: a generator and a classifier trained towards the same goal."""

from typing import Any, Literal

import keras
import tensorflow as tf

from gcn_tf.config.schema import ObjectiveConfig, to_dict
from gcn_tf.metrics.pictures import psnr_db
from gcn_tf.model.figure_mask import with_mask
from gcn_tf.model.jitter import jitter
from gcn_tf.model.lookup import by_ids, looked_up_factors
from gcn_tf.model.objective import (
    TERMS,
    Codes,
    Examples,
    clip_image,
    cross_entropies,
    encoded,
    imagined_entropies,
    sum_of_squares,
    weighted_sum,
)
from gcn_tf.model.replica import Replica, ReplicaShare, Rows, drawing

Logs = dict[str, tf.Tensor]


@keras.saving.register_keras_serializable(package="gcn_tf")
class GCN(keras.Model):
    """Generator and classifier with the cooperative training step of Xu, Qin and Wan 2019.

    Args:
        generator: keras.Model. {factor: float (B, K_f)} -> image (B, H, W, C), linear.
        classifier: keras.Model. Image (B, H, W, C) in [0, 1] -> {factor: logits (B, K_f)}, or (B, K_f + 1) with the class
            "imagined" as the last.
        objective: ObjectiveConfig, or its settings as a dict. Regime and weights. Defaults to the default settings.
        seed: int. Seed of the imagined cells; they depend on it and on `step` alone. Defaults to 0.

    Example:

    >>> import numpy as np
    >>> from gcn_tf.config.schema import ObjectiveConfig
    >>> from gcn_tf.model.classifier import AlexNet
    >>> from gcn_tf.model.generator import Deconvolution
    >>> sizes, shape = {"digit": 10, "writer": 3}, (28, 28, 3)
    >>> generator = Deconvolution(trunk=(16,)).build(sizes, shape, "float32")
    >>> classifier = AlexNet(head_units=(8,)).build(sizes, shape, "float32")
    >>> from gcn_tf.model import GCN
    >>> model = GCN(generator, classifier, ObjectiveConfig(pixel_weight=1.0, classification_weight=10.0))
    >>> model.compile("adam", "adam")
    >>> model.predict({"digit": np.array([7]), "writer": np.array([2])}, verbose=0).shape
    (1, 28, 28, 3)

    Data for `fit` and `evaluate` are pairs ({factor: int ids (B,) or float codes (B, K_f)}, images float32
    (B, H, W, C) in [0, 1]); `predict` takes the ids or codes alone and returns clipped images.
    """

    def __init__(
        self,
        generator: keras.Model,
        classifier: keras.Model,
        objective: ObjectiveConfig | dict[str, Any] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.generator = generator
        self.classifier = classifier
        settings = objective if isinstance(objective, ObjectiveConfig) else ObjectiveConfig(**objective or {})
        self.masking = with_mask(generator) if settings.mask_weight else None
        self.looked_up = looked_up_factors(generator)
        self.looking_up = by_ids(self.masking or generator, self.looked_up) if self.looked_up else None
        self.objective = settings
        self.seed = seed
        self.factor_sizes = {name: int(code.shape[-1]) for name, code in generator.input.items()}
        self.factor_weights = {name: settings.weight_of(name) for name in self.factor_sizes}
        self.step = self.add_weight(
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )
        self.temperatures = {
            name: self.add_weight(
                shape=(), dtype="float32", initializer="ones", trainable=False, name=f"{name}_temperature"
            )
            for name in self.factor_sizes
        }
        self.last_phase = False
        self.frozen_part: Literal["", "classifier", "generator"] = ""
        self.track_alone()
        self.built = True  # both networks are built already

    def track_alone(self) -> None:
        """Make the means of `test_step` anew, outside of any strategy's scope those of this process: no other one takes part in them."""
        self.trackers = {
            name: keras.metrics.Mean(name=name)
            for name in ("pixel_loss", "psnr_db", *(f"{factor}_accuracy" for factor in self.factor_sizes))
        }

    @property
    def optimizers(self) -> list[keras.Optimizer]:
        """Those of all networks."""
        return [self.optimizer, self.classifier_optimizer]

    @property
    def steps_done(self) -> int:
        """The step as a number, whether it is mirrored over devices or not."""
        return int(tf.convert_to_tensor(self.step.value))

    def finish(self) -> None:
        """What is done once, after the last step, before it is saved; nothing."""

    @property
    def all_variables(self) -> list[keras.Variable]:
        """Every variable of both networks and both optimizers, the state of dropout's seed generators included.

        A flat list: `tf.train.Checkpoint(model=...)` silently leaves out those seed generators. The temperatures are the last,
        since checkpoints of earlier versions lack them.
        """
        found = {id(v): v for part in (self, *self.optimizers) for v in part.variables}
        temperatures = [found.pop(id(v)) for v in self.temperatures.values()]
        return [*found.values(), *temperatures]

    def get_config(self) -> dict[str, Any]:
        networks = {"generator": self.generator, "classifier": self.classifier}
        return {
            **super().get_config(),
            **{name: keras.saving.serialize_keras_object(network) for name, network in networks.items()},
            "objective": to_dict(self.objective),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> "GCN":
        for name in ("generator", "classifier"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)

    def compile(
        self,
        optimizer: keras.Optimizer | str = "adam",
        classifier_optimizer: keras.Optimizer | str = "adam",
        **kwargs: Any,
    ) -> None:
        """Set both optimizers; `optimizer` is the generator's. XLA is off: it is slower here on a CPU."""
        super().compile(optimizer=optimizer, **{"jit_compile": False, **kwargs})
        self.classifier_optimizer = keras.optimizers.get(classifier_optimizer)
        # Built now, so that a checkpoint restored before the first step finds their slots.
        self.optimizer.build(self.generator.trainable_variables)
        self.classifier_optimizer.build(self.classifier.trainable_variables)

    def get_compile_config(self) -> dict[str, Any]:
        optimizers = {"optimizer": self.optimizer, "classifier_optimizer": self.classifier_optimizer}
        return {name: keras.saving.serialize_keras_object(o) for name, o in optimizers.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**{name: keras.saving.deserialize_keras_object(o) for name, o in config.items()})

    def encode(self, factors: dict[str, Any]) -> Codes:
        """Turn integer ids (B,) into one-hot codes (B, K_f); float codes pass unchanged."""
        return encoded(factors, self.factor_sizes)

    def looked_at(self, factors: dict[str, Any]) -> Codes:
        """`encode`, except that ids of factors with many values stay ids, int (B,), where the generator can look them up."""
        given = {name: tf.convert_to_tensor(factors[name]) for name in self.factor_sizes}
        if not all(given[name].dtype.is_integer for name in self.looked_up):
            return self.encode(given)
        return {
            name: given[name] if name in self.looked_up else code for name, code in self.encode(given).items()
        }

    def call(self, factors: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Images of cells or blends, float32 (B, H, W, C) in [0, 1]."""
        codes = self.looked_at(factors)
        if not self._has_ids(codes):
            return clip_image(self.generator(codes, training=training))
        return clip_image(self._pictures_of_ids(codes, training)[0])

    @property
    def draws_by_lookup(self) -> bool:
        """Whether looked-up pictures are those of codes to the bit: not in bfloat16, where graphs round a product after its activation."""
        towers = [self.generator.get_layer(f"{name}_tower_1") for name in self.looked_up]
        return all(tower.compute_dtype == "float32" for tower in towers)

    def _has_ids(self, codes: Codes) -> bool:
        return any(code.dtype.is_integer for code in codes.values())

    def _pictures_of_ids(self, codes: Codes, training: bool) -> tuple[tf.Tensor, tf.Tensor | None]:
        """As `pictures_and_masks`, of what `looked_at` gives."""
        assert self.looking_up is not None  # else nothing stays an id
        made = self.looking_up(codes, training=training)
        return (made, None) if self.masking is None else (made[..., :-1], made[..., -1:])

    def classify(self, images: tf.Tensor) -> Codes:
        """Logits of the classifier, divided by its temperatures: float32 (B, H, W, C) in [0, 1] -> (B, K_f) by factor name.

        Once a training has ended, their softmax is calibrated (Guo et al. 2017); until then the temperatures are 1.
        """
        return {
            name: logits[:, : self.factor_sizes[name]] / self.temperatures[name].value
            for name, logits in self.classifier(images).items()
        }

    def begin_frozen_part(self, part: Literal["classifier", "generator"]) -> None:
        """From now on `train_step` lets one network learn, as the frozen regime has it; by default the step decides in the graph.

        Several replicas need this: a graph's condition cannot hold what they do together.
        """
        self.frozen_part = part
        self.train_function = None  # traced anew

    def begin_last_phase(self) -> None:
        """From now on `train_step` lets the classifier alone learn, from real pictures; the generator stays as it is."""
        self.last_phase = True
        if self.steps_done == self.objective.main_steps:
            # Where the rate of the last phase begins.
            self.classifier_optimizer.iterations.assign(self.objective.steps)
        self.train_function = None  # traced anew

    @property
    def mixup(self) -> float:
        """How strongly the pictures of the batches to come are mixed, as `training_batches` takes it: in the last phase alone."""
        return self.objective.classifier_mixup if self.last_phase else 0.0

    def imagined_cells(self, batch: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ids of random cells, `imagined_share * batch` of them, int32 (n,) by factor name; a function of (seed, step)."""
        count = self.imagined_count(batch)
        ids = {}
        for position, (name, size) in enumerate(self.factor_sizes.items()):
            seed = tf.stack([tf.constant(self.seed * 64 + position, tf.int64), self.step.value])
            ids[name] = tf.random.stateless_uniform([count], seed, 0, size, tf.int32)
        return ids

    def imagined_count(self, batch: tf.Tensor) -> tf.Tensor:
        """How many imagined cells go with a batch: int32 scalar."""
        return tf.cast(tf.round(self.objective.imagined_share * tf.cast(batch, tf.float32)), tf.int32)

    def generator_objective(self, codes: Codes, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Logs]:
        """Eq. (2), of codes as `looked_at` gives them: w_pixel * ||x - G||^2 + sum_f w_f * CE_f(C(G), y), averaged over the batch.

        Imagined cells add eq. (1) only: how they should look is unknown, but not how they should be classified.

        Returns:
            The scalar objective, the generated images (linear; of `codes`, then the imagined ones) and the terms to log.
        """
        batch, share = tf.shape(real)[0], self.share(real)
        wanted = codes
        if self.imagining:
            imagined = self.imagined_cells(share.batch)
            if share.imagined:
                imagined = {name: share.imagined.of(ids) for name, ids in imagined.items()}
            imagined = self.looked_at(imagined) if self._has_ids(codes) else self.encode(imagined)
            wanted = {name: tf.concat([codes[name], imagined[name]], axis=0) for name in codes}
        rows = share.of(1, self.imagining)
        with drawing(rows):
            generated, logits = self.pictures_and_masks(wanted)
        codes, wanted = self.encode(codes), self.encode(wanted)
        examples = Examples(real, generated[:batch], codes, logits if logits is None else logits[:batch])
        objective, logs = self.picture_terms(examples)
        if self.objective.cooperation != "none":
            with drawing(rows):
                logits = self.classifier(
                    self.seen_by_classifier(clip_image(generated), 0, rows), training=True
                )
            terms = weighted_sum(cross_entropies(logits, wanted), self.factor_weights)  # (B + imagined,)
            logs["classification_loss"] = share.replica.mean(terms[:batch], share.real)
            objective += logs["classification_loss"]
            if self.imagining:
                logs["imagined_loss"] = share.replica.mean(terms[batch:], share.imagined)
                objective += self.objective.imagined_weight * self.ramp() * logs["imagined_loss"]
        return objective, generated, {"generator_loss": objective, **logs}

    def pictures_and_masks(self, codes: Codes) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Generated pictures, linear, float32 (B, H, W, C), and the logits of their masks (B, H, W, 1) if there are any.

        Args:
            codes: as `looked_at` gives them.
        """
        if self._has_ids(codes):
            return self._pictures_of_ids(codes, training=True)
        if self.masking is None:
            return self.generator(codes, training=True), None
        both = self.masking(codes, training=True)
        return both[..., :-1], both[..., -1:]

    def picture_terms(self, examples: Examples) -> tuple[tf.Tensor, Logs]:
        """The weighted sum of the loss terms' means, and each mean for the log."""
        objective, logs, share = tf.zeros(()), {}, self.share(examples.real)
        for name, term in TERMS.items():
            weight = getattr(self.objective, f"{name}_weight")
            if weight or name == "pixel":  # the pixel loss is always logged
                logs[f"{name}_loss"] = share.replica.mean(term(examples), share.real)
                objective += weight * logs[f"{name}_loss"]
        return objective, logs

    def classifier_objective(self, codes: Codes, images: list[tf.Tensor], imagined: tf.Tensor) -> tf.Tensor:
        """Eq. (1): sum_f w_f * CE_f(C(x), y), averaged over the batches of images; imagined images add CE_f(C(x), "imagined")."""
        share, pictures = self.share(images[0]), tf.concat(images, axis=0)
        count, rows = tf.shape(pictures)[0], share.of(len(images), self.distinguishing_imagined)
        repeated = {name: tf.tile(code, [len(images), 1]) for name, code in self.encode(codes).items()}
        with drawing(rows):
            shown = self.seen_by_classifier(tf.concat([pictures, imagined], axis=0), 1, rows)
            logits = self.classifier(shown, training=True)
        terms = cross_entropies({name: values[:count] for name, values in logits.items()}, repeated)
        objective = share.replica.mean(weighted_sum(terms, self.factor_weights), share.of(len(images), False))
        if self.distinguishing_imagined:
            entropies = imagined_entropies({name: values[count:] for name, values in logits.items()})
            recognised = share.replica.mean(weighted_sum(entropies, self.factor_weights), share.imagined)
            objective += self.objective.imagined_class_weight * self.ramp() * recognised
        return objective

    @property
    def imagining(self) -> bool:
        return (
            self.objective.cooperation != "none"
            and self.objective.imagined_share * self.objective.imagined_weight > 0
        )

    @property
    def distinguishing_imagined(self) -> bool:
        """Whether the classifier's heads have the class "imagined"."""
        heads = self.classifier.output
        return self.imagining and all(
            heads[name].shape[-1] > size for name, size in self.factor_sizes.items()
        )

    def ramp(self) -> tf.Tensor:
        """0 before the first step of `imagined_ramp`, 1 after the second."""
        first, last = self.objective.imagined_ramp
        passed = tf.cast(self.step.value, tf.float32) - first
        return tf.clip_by_value(passed / max(last - first, 1), 0.0, 1.0) if last else tf.ones(())

    def share(self, real: tf.Tensor) -> ReplicaShare:
        """This replica's part of the global batch of which it sees `real`."""
        replica = Replica.here()
        batch = tf.shape(real)[0] * replica.count
        return ReplicaShare(replica, batch, replica.rows(batch), replica.rows(self.imagined_count(batch)))

    def seen_by_classifier(self, images: tf.Tensor, purpose: int, rows: Rows | None = None) -> tf.Tensor:
        """The images, jittered as a function of (seed, step, purpose)."""
        if not self.objective.classifier_jitter:
            return images
        seed = tf.stack([tf.constant(self.seed * 64 + 32 + purpose, tf.int64), self.step.value])
        return jitter(images, seed, self.objective.classifier_jitter, rows)

    def train_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> Logs:
        """One step of both networks, or in the last phase of the classifier; returns the values of this batch, not running
        means."""
        factors, real = data
        codes = self.looked_at(factors)
        if self.last_phase:
            logs = self._learn_last(codes, real)
        elif self.frozen_part:
            generator = self.frozen_part == "generator"
            logs = self._learn(codes, real, generator=generator, classifier=not generator)
        elif self.objective.cooperation == "frozen":
            logs = tf.cond(
                self.step < self.objective.classifier_steps,
                lambda: self._learn(codes, real, generator=False, classifier=True),
                lambda: self._learn(codes, real, generator=True, classifier=False),
            )
        else:
            logs = self._learn(codes, real, generator=True, classifier=self.objective.cooperation == "joint")
        self.step.assign_add(1)
        return Replica.here().summed(logs)

    def _learn(self, codes: Codes, real: tf.Tensor, generator: bool, classifier: bool) -> Logs:
        """Update the chosen networks; both gradients are computed before either network changes."""
        updates = []
        with tf.GradientTape() as tape:
            objective, generated, logs = self.generator_objective(codes, real)
        if generator:
            variables = self.generator.trainable_variables
            updates.append((self.optimizer, tape.gradient(objective, variables), variables))
        logs["classifier_loss"] = tf.zeros(())
        if classifier:
            shown = tf.stop_gradient(clip_image(generated))
            batch = tf.shape(real)[0]
            images = self._classifier_images(real, shown[:batch])
            imagined = shown[batch:] if self.distinguishing_imagined else shown[:0]
            with tf.GradientTape() as tape:
                loss = self.classifier_objective(codes, images, imagined)
            variables = self.classifier.trainable_variables
            updates.append((self.classifier_optimizer, tape.gradient(loss, variables), variables))
            logs["classifier_loss"] = loss
        for optimizer, gradients, variables in updates:
            optimizer.apply(gradients, variables)
        return logs

    def _learn_last(self, codes: Codes, real: tf.Tensor) -> Logs:
        """Update the classifier by the cross entropies of real pictures, every factor with the same weight."""
        variables = self.classifier.trainable_variables
        share = self.share(real)
        with tf.GradientTape() as tape, drawing(share.real):
            logits = self.classifier(self.seen_by_classifier(real, 1, share.real), training=True)
            terms = cross_entropies(logits, self.encode(codes))
            loss = share.replica.mean(tf.add_n(list(terms.values())), share.real)
        self.classifier_optimizer.apply(tape.gradient(loss, variables), variables)
        return {"classifier_loss": loss}

    def _classifier_images(self, real: tf.Tensor, generated: tf.Tensor) -> list[tf.Tensor]:
        source = self.objective.classifier_learns_from if self.objective.cooperation == "joint" else "real"
        return {"real": [real], "generated": [generated], "both": [real, generated]}[source]

    def test_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> Logs:
        """Means over the data: pixel loss, PSNR in dB, and accuracies of the cooperating classifier in [0, 1]."""
        factors, real = data
        codes = self.encode(factors)
        generated = self(factors)
        self.trackers["pixel_loss"].update_state(sum_of_squares(real, generated))
        self.trackers["psnr_db"].update_state(psnr_db(real, generated, 1.0))
        for name, logits in self.classify(generated).items():
            correct = tf.argmax(logits, axis=-1) == tf.argmax(codes[name], axis=-1)
            self.trackers[f"{name}_accuracy"].update_state(tf.cast(correct, tf.float32))
        return {name: tracker.result() for name, tracker in self.trackers.items()}
