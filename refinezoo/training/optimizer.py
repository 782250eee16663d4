"""One optimizer per player behind the single optimizer that Keras expects."""

import keras

from refinezoo.errors import RefinezooError


@keras.saving.register_keras_serializable("refinezoo")
class PlayerOptimizer(keras.optimizers.Optimizer):
    """Holds an optimizer for each player; the model says who owns which variable.

    Saved and restored as one optimizer. Setting `learning_rate` scales every player's alike;
    `LearningRateScheduler` and `TensorBoard` follow `.optimizers` where Keras knows of it.
    (`keras.optimizers.MultiOptimizer` came with Keras 3.15 and routes by regular expressions on
    variable paths, which in a functional network do not hold the network's name.)

    Args:
        players: dict, player name -> `keras.optimizers.Optimizer`.
        name: of the optimizer.
    """

    def __init__(self, players, name="player_optimizer"):
        super().__init__(learning_rate=0.0, name=name)
        self.players = dict(players)

    def bind(self, partition):
        """Takes player name -> list of variables, and builds every optimizer."""
        owned = [variable for variables in partition.values() for variable in variables]
        if len({id(variable) for variable in owned}) < len(owned):
            raise RefinezooError(
                "expected one owner of each variable, received two players for one."
            )
        self.partition = {player: list(variables) for player, variables in partition.items()}
        for player, variables in self.partition.items():
            self.players[player].build(variables)
        self.build(owned)

    def play(self, player, gradients, variables):
        """Applies a player's gradients with that player's optimizer."""
        self.players[player].apply(gradients, variables)

    def advance(self):
        """Counts one training step (players may have moved more or less often)."""
        self.iterations.assign_add(1)

    @property
    def optimizers(self):
        """The players' optimizers, in order."""
        return list(self.players.values())

    @property
    def variables(self):
        """The step counter and every player's variables."""
        return [self.iterations, *(v for o in self.optimizers for v in o.variables)]

    @property
    def learning_rate(self):
        """The first player's learning rate; setting it keeps the ratio between players."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        before = float(self.learning_rate)
        for optimizer in self.optimizers:
            share = float(optimizer.learning_rate) / before if before else 1.0
            optimizer.learning_rate = share * float(value)

    def finalize_variable_values(self, variables):
        """Lets each player's optimizer finish (its own running mean, say)."""
        for player, owned in self.partition.items():
            self.players[player].finalize_variable_values(owned)

    # The players' optimizers are saved as children: only the counter is this one's own.
    def save_own_variables(self, store):
        store["iterations"] = keras.ops.convert_to_numpy(self.iterations)

    def load_own_variables(self, store):
        self.iterations.assign(store["iterations"])

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "players": {player: serialize(o) for player, o in self.players.items()},
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        revive = keras.saving.deserialize_keras_object
        players = {player: revive(o, custom_objects) for player, o in config["players"].items()}
        return cls(players, name=config["name"])


def one_each(names, given):
    """An optimizer for each player.

    Args:
        names: of the players.
        given: a dict of player name -> optimizer, or one optimizer, copied for each.

    Raises:
        RefinezooError: a player without an optimizer, or one that there is not.
    """
    if isinstance(given, dict) and "class_name" not in given:
        if set(given) != set(names):
            raise RefinezooError(
                f"expected one optimizer for each player {names}, received {sorted(given)}."
            )
        return {name: keras.optimizers.get(given[name]) for name in names}
    config = keras.optimizers.serialize(keras.optimizers.get(given))
    return {name: keras.optimizers.deserialize(config) for name in names}
