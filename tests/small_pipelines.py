"""Takes from Beam's local runner what costs small pipelines most and changes no result."""

from __future__ import annotations

import inspect
import weakref
from typing import Any

import pytest
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner import execution, worker_handlers
from apache_beam.transforms import core, userstate

from pipeline import runners


def lighten(patch: pytest.MonkeyPatch) -> None:
    """Patches Beam.

    What it finds out about DoFns and options it remembers; a stage's description is a copy of what
    all stages share; side inputs are not weighed for a cache, for which it looks at the globals of
    all modules. A pipeline without a runner gets that of runs, not the one that first tries to
    download another.
    """
    patch.setattr(pipeline_options.StandardOptions, "DEFAULT_RUNNER", runners.LOCAL_RUNNER)
    patch.setattr(worker_handlers, "STATE_CACHE_SIZE_MB", 0)
    _remember_signatures(patch)
    _remember_options(patch)
    _share_descriptions(patch)


def _remember_signatures(patch: pytest.MonkeyPatch) -> None:
    arguments_of, arguments = core.get_function_args_defaults, weakref.WeakKeyDictionary()
    specs_of, specs = userstate.get_dofn_specs, weakref.WeakKeyDictionary()

    def arguments_once(function: Any) -> Any:
        if not inspect.ismethod(function):
            return arguments_of(function)
        if function.__func__ not in arguments:
            arguments[function.__func__] = arguments_of(function)
        return tuple(map(list, arguments[function.__func__]))

    def specs_once(dofn: Any) -> Any:
        if isinstance(dofn, core.CallableWrapperDoFn):  # whose function may have them
            return specs_of(dofn)
        if type(dofn) not in specs:
            specs[type(dofn)] = specs_of(dofn)
        return tuple(map(set, specs[type(dofn)]))

    patch.setattr(core, "get_function_args_defaults", arguments_once)
    patch.setattr(userstate, "get_dofn_specs", specs_once)


def _remember_options(patch: pytest.MonkeyPatch) -> None:
    options = pipeline_options.PipelineOptions
    view_as, views = options.view_as, weakref.WeakKeyDictionary()

    def view_once(self: Any, cls: Any) -> Any:
        known = views.setdefault(self, {})
        if cls not in known:
            known[cls] = view_as(self, cls)
        return known[cls]

    patch.setattr(options, "view_as", view_once)


def _share_descriptions(patch: pytest.MonkeyPatch) -> None:
    shared = weakref.WeakKeyDictionary()  # by pipeline that runs

    def described(self: Any) -> Any:
        if self.execution_context not in shared:
            parts = self.execution_context.pipeline_components
            names = ("pcollections", "coders", "windowing_strategies", "environments")
            shared[self.execution_context] = beam_fn_api_pb2.ProcessBundleDescriptor(
                **{name: dict(getattr(parts, name).items()) for name in names},
                state_api_service_descriptor=self.state_api_service_descriptor(),
                timer_api_service_descriptor=self.data_api_service_descriptor(),
            )
        found = beam_fn_api_pb2.ProcessBundleDescriptor()
        found.CopyFrom(shared[self.execution_context])
        found.id = self.bundle_uid
        for transform in self.stage.transforms:
            found.transforms[transform.unique_name].CopyFrom(transform)
        return found

    patch.setattr(execution.BundleContextManager, "_build_process_bundle_descriptor", described)
