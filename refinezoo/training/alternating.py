"""The one alternating train step, for every method and backend."""

import logging
from functools import partial

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.models.base import Model
from refinezoo.training.checks import check_pictures
from refinezoo.training.first_batch import first_batch
from refinezoo.training.gradients import shortened, value_and_gradients, when
from refinezoo.training.jit import check_one_host, choose_jit
from refinezoo.training.optimizer import PlayerOptimizer

_log = logging.getLogger(__name__)


class AlternatingModel(Model):
    """Trains players in turns with `fit()`.

    A subclass declares `players()`, `turns()` and `loss_weights` (name of a loss term -> lambda);
    the step takes the turns in order. In a turn each objective's gradient reaches exactly the
    networks it names; then the players that own them move. What an objective puts out goes
    detached to those after it, so a discriminator sees the images that the generator made in the
    same step without a second forward pass.

    Because the images are made before the generators move and discriminators move last, this is
    the update order of the official CycleGAN.
    """

    required_keys: dict[str, tuple[str, ...]] = {"synthetic": ("image",), "real": ("image",)}

    def players(self):
        """Player name -> `Player`."""
        raise NotImplementedError(f"{type(self).__name__} declares no players.")

    def turns(self):
        """The list of `Turn`s of one training step."""
        raise NotImplementedError(f"{type(self).__name__} declares no turns.")

    def default_optimizers(self):
        """Player name -> a fresh optimizer with the paper's settings."""
        raise NotImplementedError(f"{type(self).__name__} declares no optimizers.")

    def track_losses(self, loss_weights):
        """Keeps `loss_weights` and makes a running mean of each term; call it in `__init__`."""
        self.loss_weights = dict(loss_weights)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in loss_weights}

    @property
    def discriminator_losses(self):
        """Names of the loss terms that discriminators minimise."""
        return tuple(name for name in self.loss_weights if name.startswith("discriminator"))

    # ---- compiling and saving

    def compile(self, optimizer=None, jit_compile="auto", **kwargs):
        """Takes one optimizer per player.

        Args:
            optimizer: None (the paper's), a dict of player name -> optimizer, or one optimizer,
                copied for each player.
            jit_compile: as in `keras.Model.compile`; see `choose_jit` for `"auto"`.
            **kwargs: `steps_per_execution`, `run_eagerly`, ... as in `keras.Model.compile`.

        Raises:
            RefinezooError: for a player without an optimizer, float16, or several hosts.
        """
        if keras.config.dtype_policy().compute_dtype == "float16":
            raise RefinezooError(
                "expected float32 or mixed_bfloat16, received the dtype policy mixed_float16, "
                "whose loss scaling does not reach several optimizers. "
                "Call keras.config.set_dtype_policy('mixed_bfloat16')."
            )
        check_one_host()
        self.prepare_training()
        steps = self._steps_taken()
        if not isinstance(optimizer, PlayerOptimizer):
            optimizer = PlayerOptimizer(self._optimizers(optimizer))
        optimizer.bind({name: player.variables for name, player in self.players().items()})
        super().compile(optimizer=optimizer, jit_compile=choose_jit(jit_compile), **kwargs)
        self.optimizer.iterations.assign(steps)

    def prepare_training(self):
        """Makes what only training needs (history pools, a judge); `compile` calls it first."""

    # ---- going on from a preset

    def training_networks(self):
        """What players train and `preset_network` does not hold, name -> network.

        The names are those of the files of a preset; a network without one is called by its player.
        """
        held = {id(variable) for variable in self.preset_network.variables}
        found = {}
        for name, player in self.players().items():
            for index, network in enumerate(player.networks):
                counted = network.name.replace("_", "").startswith(type(network).__name__.lower())
                if any(id(v) not in held for v in network.variables):
                    found[f"{name}_{index}" if counted else network.name] = network
        return found

    def training_part(self):
        """Steps taken and `training_networks`; of a loaded model those that its preset had."""
        networks, files = self.training_networks(), self.training_files
        if files is None:
            return self._steps_taken(), networks
        return files.record.steps, {n: each for n, each in networks.items() if files.fill(n, each)}

    def resumes_at(self, steps, untrained):
        """The step at which a loaded model goes on.

        Args:
            steps: that its preset was trained for; 0 if it does not say.
            untrained: names of the networks that it does not hold.
        """
        return steps

    def _steps_taken(self):
        """The count of steps, after a look into the preset that `load` did without."""
        files, self.training_files = self.training_files, None
        if files is None:
            return int(self.optimizer.iterations) if self.compiled else 0
        networks = self.training_networks().items()
        untrained = [name for name, network in networks if not files.fill(name, network)]
        if untrained:
            _log.warning(
                "%s goes on from %s, which holds no weights of %s: these start untrained.",
                type(self).__name__,
                self.preset_name,
                ", ".join(untrained),
            )
        return self.resumes_at(files.record.steps, untrained)

    def _optimizers(self, given):
        names = list(self.players())
        if given is None:
            return self.default_optimizers()
        if isinstance(given, dict) and "class_name" not in given:
            if set(given) != set(names):
                raise RefinezooError(
                    f"expected one optimizer for each player {names}, received {sorted(given)}."
                )
            return {name: keras.optimizers.get(given[name]) for name in names}
        config = keras.optimizers.serialize(keras.optimizers.get(given))
        return {name: keras.optimizers.deserialize(config) for name in names}

    # ---- looking at the data before they train

    def check_values(self, batch):
        """Raises a RefinezooError for impossible values (units, ranges) in a batch of NumPy arrays.

        `fit` and `evaluate` call it with their first batch, `train_on_batch` with each; shapes
        and keys are the business of `check_batch`.
        """

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, after a look at the first batch."""
        return super().fit(self._looked_at(x, y), y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, after a look at the first batch."""
        return super().evaluate(self._looked_at(x, y), y, *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """As `keras.Model.train_on_batch`, after a look at the values."""
        batch = x if y is None else (x, y)
        self.check_keys(batch)
        check_pictures(batch)
        self.check_values(batch)
        return super().train_on_batch(x, y, *args, **kwargs)

    def _looked_at(self, x, y):
        batch, x = first_batch(x, y)
        self.check_keys(batch)
        check_pictures(batch)
        self.check_values(batch)
        return x

    # ---- one step, in ordinary stateful Keras

    def alternating_step(self, batch):
        """Takes all turns on one batch; returns the running mean of every named loss."""
        batch = self.check_batch(batch)
        outputs = {"training": True}
        for turn in self.turns():
            if turn.always:
                outputs = self._take(turn, batch, outputs)
            else:
                # What a turn under a condition puts out stays inside it.
                due = turn.due(ops.convert_to_tensor(self.optimizer.iterations))
                take = partial(self._take, turn, batch, dict(outputs))
                when(due, take, self._changing())
        self.optimizer.advance()
        self.after_step()
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def after_step(self):
        """Runs at the end of each training step (a running mean of the generator, say)."""

    def _take(self, turn, batch, outputs):
        for part in self._parts(batch, turn.repeat):
            gradients = {}
            for objective in turn.objectives:
                variables = [v for n in objective.trains for v in n.trainable_variables]

                def play(objective=objective, part=part, given=outputs):
                    terms, made = objective.loss(part, given)
                    return self._total(terms), (terms, made)

                (_, (terms, made)), new = value_and_gradients(play, variables)
                self._track(terms)
                outputs = outputs | keras.tree.map_structure(ops.stop_gradient, made)
                for variable, gradient in zip(variables, new, strict=True):
                    before = gradients.get(id(variable))
                    if gradient is not None:
                        gradients[id(variable)] = gradient if before is None else before + gradient
            for name, player in self.players().items():
                self._move(name, player, gradients)
        return outputs

    def _move(self, name, player, gradients):
        moved = [v for v in player.variables if id(v) in gradients]
        if not moved:
            return
        values = [gradients[id(v)] for v in moved]
        if player.clip_norm:
            values = shortened(values, player.clip_norm)
        self.optimizer.play(name, values, moved)
        if player.clip_weights:
            for variable in moved:
                limit = player.clip_weights
                variable.assign(ops.clip(variable.value, -limit, limit))

    def _changing(self):
        """What a turn may change: weights, histories and seeds, optimizers, running means."""
        return [*self.variables, *self.optimizer.variables, *self.metrics_variables]

    def _total(self, terms):
        return sum(self.loss_weights[name] * term for name, term in terms.items())

    def _track(self, terms):
        for name, term in terms.items():
            self.trackers[name].update_state(ops.stop_gradient(term))

    def _parts(self, batch, count):
        if count == 1:
            return [batch]
        first = keras.tree.flatten(batch)[0]
        size = first.shape[0]
        if size is not None and size % count:
            raise RefinezooError(
                f"expected a batch divisible by {count} (moves per step), received {size} images."
            )
        # `fit` leaves the batch's size open; a remainder is left out then.
        share = (size or ops.shape(first)[0]) // count
        return [
            keras.tree.map_structure(lambda x, i=i: x[i * share : (i + 1) * share], batch)
            for i in range(count)
        ]

    def check_keys(self, data):
        """Raises a RefinezooError that names what a batch lacks."""
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        for half, keys in self.required_keys.items():
            received = batch.get(half) if isinstance(batch, dict) else None
            for key in keys:
                if not isinstance(received, dict) or key not in received:
                    raise RefinezooError(
                        f"expected {key!r} in the {half} half of the batch "
                        f"({type(self).__name__} needs it); received keys: "
                        f"{sorted(received) if isinstance(received, dict) else type(batch)}. "
                        "refinezoo.data.unpaired makes such batches (labels and quaternions: "
                        "with labels=FILE.csv; depth: from depth/ beside images/)."
                    )

    def check_batch(self, data):
        """The batch dictionary with images as float32 in [-1, 1]; a missing key is named."""
        self.check_keys(data)
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return {
            half: {
                key: to_float(value) if key == "image" else ops.convert_to_tensor(value)
                for key, value in batch[half].items()
                if key in keys
            }
            for half, keys in self.required_keys.items()
        }

    def evaluation_step(self, batch):
        """Computes every loss term without moving a player."""
        batch, outputs = self.check_batch(batch), {"training": False}
        for turn in self.turns():
            for objective in turn.objectives:
                terms, made = objective.loss(batch, outputs)
                self._track(terms)
                outputs |= made
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    # ---- the backends' calling conventions

    if keras.backend.backend() == "jax":

        def train_step(self, state, data):
            """One step on JAX: `(trainable, non_trainable, optimizer, metrics), batch`."""
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.optimizer.variables,
                self.metrics_variables,
            )
            return self._stateless(self.alternating_step, groups, state, data)

        def test_step(self, state, data):
            """Evaluates on JAX: `(trainable, non_trainable, metrics), batch`."""
            groups = (
                self.trainable_variables,
                self.non_trainable_variables,
                self.metrics_variables,
            )
            return self._stateless(self.evaluation_step, groups, state, data)

        def _stateless(self, step, groups, state, data):
            known = [
                pair
                for vs, xs in zip(groups, state, strict=True)
                for pair in zip(vs, xs, strict=True)
            ]
            with keras.StatelessScope(known) as scope:
                logs = step(data)
            return logs, tuple([scope.get_current_value(v) for v in vs] for vs in groups)

    else:

        def train_step(self, data):  # type: ignore[misc]  # as Keras asks of each backend
            """One step: all turns on one batch."""
            return self.alternating_step(data)

        def test_step(self, data):  # type: ignore[misc]
            """Evaluates one batch."""
            return self.evaluation_step(data)


def to_float(images):
    """uint8 images 0..255 to float32 in [-1, 1]; float images pass."""
    images = ops.convert_to_tensor(images)
    if keras.backend.standardize_dtype(images.dtype) == "uint8":
        return ops.cast(images, "float32") / 127.5 - 1.0
    return ops.cast(images, "float32")
