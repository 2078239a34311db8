"""Which version a request means, by number, by label or the latest, and where labels point.

It also says whether a configuration that was reloaded is in force. The caller holds the lock over
what is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorflow_serving.apis import get_model_status_pb2, model_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.model_server import configs, errors
from serving.model_server import version as versions

Models = Mapping[str, Mapping[int, versions.Version]]  # versions by number, by the model's name
Labels = Mapping[str, Mapping[str, int]]  # numbers by label, by the model's name


def find(spec: model_pb2.ModelSpec, models: Models, labels: Labels) -> versions.Version:
    """The available version that a request asks for.

    Raises:
      ServingError: NOT_FOUND, there is none.
    """
    known = models.get(spec.name, {})
    asked = number(spec, labels)
    if asked is None:
        # Those that are wanted first: after a rollback the newest is not.
        serving = [v for v in known.values() if v.state == versions.AVAILABLE]
        found = max(serving, key=lambda v: (v.wanted, v.number), default=None)
        request = f"Latest({spec.name})"
    else:
        found, request = known.get(asked), f"Specific({spec.name}, {asked})"
    if found is None or found.state != versions.AVAILABLE:
        raise errors.ServingError(
            errors.Code.NOT_FOUND, f"Servable not found for request: {request}"
        )
    return found


def number(spec: model_pb2.ModelSpec, labels: Labels) -> int | None:
    """The version that is asked for by number or label; None for the latest.

    Raises:
      ServingError: INVALID_ARGUMENT, there is no such label.
    """
    kind = spec.WhichOneof("version_choice")
    if kind == "version":
        version: int = spec.version.value
        return version
    if kind is None:
        return None
    found = labels.get(spec.name, {}).get(spec.version_label)
    if found is None:
        raise errors.invalid(f"Unrecognized servable version label: {spec.version_label}")
    return found


def statuses(
    spec: model_pb2.ModelSpec, models: Models, labels: Labels
) -> list[get_model_status_pb2.ModelVersionStatus]:
    """Of the known versions of a model, newest first, or of the one that is asked for.

    Raises:
      ServingError: NOT_FOUND, there is none.
    """
    known = models.get(spec.name, {})
    asked = number(spec, labels)
    if asked is not None and asked not in known:
        raise errors.ServingError(
            errors.Code.NOT_FOUND, f"Could not find version {asked} of model {spec.name}"
        )
    if not known:
        raise errors.ServingError(
            errors.Code.NOT_FOUND, f"Could not find any versions of model {spec.name}"
        )
    return [known[n].status() for n in (sorted(known, reverse=True) if asked is None else [asked])]


def move(
    before: Labels, wanted: Iterable[configs.ModelConfig], models: Models
) -> dict[str, dict[str, int]]:
    """Where labels point now: a label moves to its new version only when that is AVAILABLE.

    It moves in all models at once: recall must not answer with a version that rank does not
    have yet.

    Args:
      before: where they pointed.
      wanted: the models of the configuration, with the numbers that their labels shall have.
      models: the known versions.
    """
    moved: dict[str, dict[str, int]] = {}
    wanted = list(wanted)
    waiting = {
        label
        for model in wanted
        for label, new in model.version_labels.items()
        if not _is_available(models.get(model.name, {}), new)
    }
    for model in wanted:
        earlier, known = before.get(model.name, {}), models.get(model.name, {})
        moved[model.name] = {}
        for label, new in model.version_labels.items():
            old = earlier.get(label, -1)
            moved[model.name][label] = (
                old if label in waiting and _is_available(known, old) else new
            )
    return moved


def _is_available(known: Mapping[int, versions.Version], asked: int) -> bool:
    return asked in known and known[asked].state == versions.AVAILABLE


def check_reloaded(config: model_server_config_pb2.ModelServerConfig, models: Models) -> None:
    """Refuses a configuration whose versions and labels are not in force.

    Raises:
      ServingError: with TensorFlow Serving's text, a version could not be loaded or a label not be
          moved.
    """
    failed = [
        f"{{{{Name: {model.name} Version: {v.number}}} due to error: {v.error}}}"
        for model in config.model_config_list.config
        for v in models.get(model.name, {}).values()
        if v.wanted and v.error is not None
    ]
    if failed:
        raise errors.ServingError(
            errors.Code.UNKNOWN,
            f"{len(failed)} servable(s) did not become available: {{{', '.join(failed)}}}",
        )
    for model in config.model_config_list.config:
        for labelled in model.version_labels.values():
            found = models[model.name].get(labelled)
            if found is None or found.state != versions.AVAILABLE:
                raise errors.ServingError(
                    errors.Code.FAILED_PRECONDITION,
                    f"Request to assign label to version {labelled} of "
                    f"model {model.name}, which is not currently available for inference",
                )
