"""The one alternating train step, for every method and backend."""

from functools import partial

import keras
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.models.draws import drawn_cheaply
from refinezoo.training.checks import check_halves, check_images
from refinezoo.training.first_batch import first_batch
from refinezoo.training.gradients import stateless, value_and_gradients, when
from refinezoo.training.jit import check_hosts, choose_jit
from refinezoo.training.optimizer import PlayerOptimizer, one_each
from refinezoo.training.players import shares, to_float
from refinezoo.training.resuming import Resumable


class AlternatingModel(Resumable):
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
            RefinezooError: for a player without an optimizer, float16, or several hosts
                whose CPUs run more than one program at a time.
        """
        if keras.config.dtype_policy().compute_dtype == "float16":
            raise RefinezooError(
                "expected float32 or mixed_bfloat16, received the dtype policy mixed_float16, "
                "whose loss scaling does not reach several optimizers. "
                "Call keras.config.set_dtype_policy('mixed_bfloat16')."
            )
        check_hosts()
        with drawn_cheaply():
            self.prepare_training()
        steps = self.steps_taken()
        players = self.players()
        if optimizer is None:
            optimizer = PlayerOptimizer(self.default_optimizers())
        elif not isinstance(optimizer, PlayerOptimizer):
            optimizer = PlayerOptimizer(one_each(list(players), optimizer))
        optimizer.bind({name: player.variables for name, player in players.items()})
        super().compile(optimizer=optimizer, jit_compile=choose_jit(jit_compile), **kwargs)
        self.optimizer.iterations.assign(steps)

    def prepare_training(self):
        """Makes what only training needs (history pools, a judge); `compile` calls it first."""

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
        check_images(batch)
        self.check_values(batch)
        return super().train_on_batch(x, y, *args, **kwargs)

    def _looked_at(self, x, y):
        batch, x = first_batch(x, y)
        self.check_keys(batch)
        check_images(batch)
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
        for part in shares(batch, turn.repeat):
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
                player.move(gradients, partial(self.optimizer.play, name))
        return outputs

    def _changing(self):
        """What a turn may change: weights, histories and seeds, optimizers, running means."""
        return [*self.variables, *self.optimizer.variables, *self.metrics_variables]

    def _total(self, terms):
        return sum(self.loss_weights[name] * term for name, term in terms.items())

    def _track(self, terms):
        for name, term in terms.items():
            self.trackers[name].update_state(ops.stop_gradient(term))

    def check_keys(self, data):
        """Raises a RefinezooError that names what a batch lacks."""
        check_halves(data, self.required_keys, type(self).__name__)

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
            weights = (self.trainable_variables, self.non_trainable_variables)
            groups = (*weights, self.optimizer.variables, self.metrics_variables)
            return stateless(self.alternating_step, groups, state, data)

        def test_step(self, state, data):
            """Evaluates on JAX: `(trainable, non_trainable, metrics), batch`."""
            weights = (self.trainable_variables, self.non_trainable_variables)
            groups = (*weights, self.metrics_variables)
            return stateless(self.evaluation_step, groups, state, data)

    else:

        def train_step(self, data):  # type: ignore[misc]  # as Keras asks of each backend
            """One step: all turns on one batch."""
            return self.alternating_step(data)

        def test_step(self, data):  # type: ignore[misc]
            """Evaluates one batch."""
            return self.evaluation_step(data)
