"""The models of the test server: which versions are loaded, and which of them a request means."""

from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.export.runtimes.session import SavedModelSession
from refinezoo.export.runtimes.tensorflow_c import SessionError
from refinezoo.export.serving.config import find_models

# gRPC status codes.
INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL = 3, 5, 9, 12, 13


class Refusal(Exception):
    """An answer that is no result: a gRPC status code and a message."""

    def __init__(self, code: int, message: str):
        self.code, self.message = code, message
        super().__init__(message)


class Models:
    """Sessions by name and version, as `models.config` says, or the newest version of each.

    Args:
        folder: holds `NAME/VERSION/saved_model.pb`.
        config: a `models.config`; its base paths are taken by their last part, inside `folder`.
        threads: CPU threads of each session.
    """

    def __init__(self, folder: Path, config: Path | None = None, threads: int | None = None):
        self.labels: dict[str, dict[str, int]] = {}
        found = find_models(folder)
        wanted = {name: versions[-1:] for name, versions in found.items()}
        if config is not None:
            wanted = self._read(config, found)
        self.sessions = {
            name: {
                version: SavedModelSession(folder / name / str(version), threads=threads)
                for version in versions
            }
            for name, versions in wanted.items()
        }

    def find(
        self, name: str, version: int | None, label: str | None
    ) -> tuple[int, SavedModelSession]:
        """The version a request means: the newest one where it names none."""
        versions = self.sessions.get(name, {})
        if label:
            version = self.labels.get(name, {}).get(label, -1)
        if version is None and versions:
            version = max(versions)
        if version is None or version not in versions:
            place = label or ("Latest" if version is None else version)
            raise Refusal(NOT_FOUND, f"Servable not found for request: {name}({place})")
        return version, versions[version]

    def run(
        self, session: SavedModelSession, signature: str, inputs: dict[str, Any]
    ) -> dict[str, Any]:
        """Runs a signature; what the session refuses becomes a `Refusal`."""
        signature = signature or "serving_default"
        if signature not in session.signatures:
            message = f'Serving signature key "{signature}" not found.'
            raise Refusal(FAILED_PRECONDITION, message)
        try:
            return session.run(signature, **inputs)
        except SessionError as error:
            raise Refusal(error.code, error.message) from None
        except RefinezooError as error:
            raise Refusal(INVALID_ARGUMENT, str(error)) from None

    def close(self) -> None:
        """Frees all sessions."""
        for versions in self.sessions.values():
            for session in versions.values():
                session.close()

    def _read(self, path: Path, found: dict[str, list[int]]) -> dict[str, list[int]]:
        from google.protobuf import text_format
        from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

        config = text_format.Parse(path.read_text(encoding="utf-8"), ModelServerConfig())
        wanted = {}
        for model in config.model_config_list.config:
            policy = model.model_version_policy
            versions = found[Path(model.base_path).name]
            if policy.WhichOneof("policy_choice") == "specific":
                versions = [v for v in versions if v in policy.specific.versions]
            else:
                versions = versions[-(policy.latest.num_versions or 1) :]
            wanted[model.name] = versions
            self.labels[model.name] = dict(model.version_labels)
        return wanted
