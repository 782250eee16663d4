"""One optimizer per player behind the single optimizer that Keras expects."""

import keras


@keras.saving.register_keras_serializable("refinezoo")
class PlayerOptimizer(keras.optimizers.MultiOptimizer):
    """Routes each variable to the optimizer of the player that owns it.

    `keras.optimizers.MultiOptimizer` routes by regular expressions on variable paths, which in a
    functional network do not hold the network's name; here the model says who owns what. Saved and
    restored as one optimizer; `LearningRateScheduler` and `TensorBoard` follow `.optimizers`.

    Args:
        players: dict, player name -> `keras.optimizers.Optimizer`.
        name: of the optimizer.
    """

    def __init__(self, players, name="player_optimizer"):
        super().__init__(self._owner, name=name)
        self.players = dict(players)
        self._inner_optimizers.extend(self.players.values())

    def bind(self, partition):
        """Takes ownership, player name -> list of variables, and builds every optimizer."""
        owners = {}
        for player, variables in partition.items():
            for variable in variables:
                if self._var_key(variable) in owners:
                    raise ValueError(f"expected one owner of {variable.path}, received two.")
                owners[self._var_key(variable)] = player
        self._owners = owners
        self.build([v for variables in partition.values() for v in variables])

    def play(self, player, gradients, variables):
        """Applies a player's gradients with that player's optimizer."""
        self.players[player].apply(gradients, variables)

    def advance(self):
        """Counts one training step (players may have moved more or less often)."""
        self._iterations.assign_add(1)

    def _owner(self, variable):
        return self.players[self._owners[self._var_key(variable)]]

    # The players' optimizers are saved as children: only the counter is this one's own.
    def save_own_variables(self, store):
        store["iterations"] = keras.ops.convert_to_numpy(self._iterations)

    def load_own_variables(self, store):
        self._iterations.assign(store["iterations"])

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
