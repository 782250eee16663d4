"""The variables of a network by the names that Keras gives them in a weights file.

Keras tells these names only by writing a file, which costs more than all else that loading a model
does. Its own walk over the network is taken instead, with a store that writes nothing.
"""

from typing import TYPE_CHECKING, Any

from keras.src.saving import saving_lib

if TYPE_CHECKING:
    import keras

_KNOWN = ("keras.", "refinezoo.")  # whose layers load a variable by assigning it


class _Names(saving_lib.NpzIOStore):
    """What Keras hands over to be written, by path."""

    def __init__(self) -> None:
        self.contents: dict[str, dict[str, Any]] = {}

    def make(self, path, metadata=None):
        return self.contents.setdefault(f"{path}/vars" if path else "vars", {})


def named_variables(network: "keras.Model") -> "dict[str, keras.Variable] | None":
    """Variables by name, in the order in which a file lists them; without those of an optimizer.

    Returns:
        None where a layer saves something else than its variables, or loads them in its own way:
        then only Keras' own file tells.
    """
    import keras

    for layer in network._flatten_layers():
        if not type(layer).load_own_variables.__module__.startswith(_KNOWN):
            return None
    names = _Names()
    saving_lib._save_state(network, names, None, "", set())
    found = {
        f"{path}/{key}": value
        for path, values in names.contents.items()
        if path.split("/")[0] != "optimizer"
        for key, value in values.items()
    }
    for value in found.values():
        if not isinstance(value, keras.Variable) or value.dtype == "bfloat16":
            return None
    return {name: found[name] for name in _in_file_order(list(found))}


def _in_file_order(names: list[str]) -> list[str]:
    """As `hdf5.datasets` meets them: of each group its arrays, then its last group."""
    tree: dict[str, Any] = {}
    for name in names:
        *groups, last = name.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = None
    ordered: list[str] = []
    waiting: list[tuple[str, dict[str, Any]]] = [("", tree)]
    while waiting:
        prefix, held = waiting.pop()
        for key in sorted(held):
            if held[key] is None:
                ordered.append(prefix + key)
            else:
                waiting.append((f"{prefix}{key}/", held[key]))
    return ordered
