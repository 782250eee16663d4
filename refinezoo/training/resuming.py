"""Going on from a preset: what only training needs is filled in when a loaded model is compiled."""

import logging

from refinezoo.models.base import Model

_log = logging.getLogger(__name__)


class Resumable(Model):
    """A model whose preset holds what only its `players()` need in files that `load` does without.

    `compile` reads them.
    """

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
            return self.steps_taken(), networks
        return files.record.steps, {n: each for n, each in networks.items() if files.fill(n, each)}

    def resumes_at(self, steps, untrained):
        """The step at which a loaded model goes on.

        Args:
            steps: that its preset was trained for; 0 if it does not say.
            untrained: names of the networks that it does not hold.
        """
        return steps

    def steps_taken(self):
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
