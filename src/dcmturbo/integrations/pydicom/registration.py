"""dcmturbo inside pydicom: `register`, `unregister`, `prefill`.

pydicom has no public way to put a plugin first, to decode frames in parallel, or to add a transfer syntax. The code
checks for the private parts that it uses. In another version of pydicom without them, only the plugin for single frames
remains, which needs public parts only.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

from pydicom import _uid_dict
from pydicom.dataset import Dataset
from pydicom.pixels.decoders import base as decoding
from pydicom.pixels.encoders import base as encoding
from pydicom.pixels.utils import get_image_pixel_ids
from pydicom.uid import UID

from dcmturbo.configuration import resolve_threads
from dcmturbo.decoding import decode
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES
from dcmturbo.frames.workers import map_on_workers
from dcmturbo.integrations.pydicom import arrays, plugin, spawning

__all__ = ["prefill", "register", "unregister"]

_LABEL = "dcmturbo"
_VERSION_ADDED = "3.0"  # pydicom has one for each decoder, for its documentation

# The functions that undo each change, in the order of the changes; empty if nothing is registered.
_undo: list[Callable[[], None]] = []
# pydicom stores the same list under this name, because this module may be reloaded.
_UNDO = "_dcmturbo_undo"
_lock = threading.RLock()


def register() -> None:
    """Install dcmturbo in pydicom; see `dcmturbo.register`."""
    with _lock:
        if _undo:
            return
        _undo_of_reloaded()
        decoding.__dict__[_UNDO] = _undo
        try:
            _add_uids()
            _add_coders(decoding._PIXEL_DATA_DECODERS, decoding.Decoder, plugin.DECODER_DEPENDENCIES)
            _add_coders(encoding._PIXEL_DATA_ENCODERS, encoding.Encoder, plugin.ENCODER_DEPENDENCIES)
            for decoder, *_ in decoding._PIXEL_DATA_DECODERS.values():
                if decoder.UID in plugin.DECODER_DEPENDENCIES:
                    _put_first(decoder, plugin.decode_frame)
            for encoder, *_ in encoding._PIXEL_DATA_ENCODERS.values():
                if encoder.UID in plugin.ENCODER_DEPENDENCIES:
                    _put_first(encoder, plugin.encode_frame)
            if _can_hook():
                for decoder, *_ in decoding._PIXEL_DATA_DECODERS.values():
                    _hook(decoder)
                _replace_processor()
            spawning.enter()
            _undo.append(spawning.leave)
        except BaseException:
            unregister()
            raise


def register_in_child() -> object:
    """Register dcmturbo in a process that multiprocessing has started; return the entry for its child processes."""
    register()
    return spawning.ENTRY


def unregister() -> None:
    """Remove dcmturbo from pydicom; see `dcmturbo.unregister`."""
    with _lock:
        while _undo:
            _undo.pop()()
        _undo_of_reloaded()


def _undo_of_reloaded() -> None:
    """Undo the changes of an earlier copy of this module, which has been reloaded since.

    Otherwise, hooks would wrap hooks, pass the same options twice, and recurse.
    """
    undo = decoding.__dict__.pop(_UNDO, None)
    while undo:
        undo.pop()()


def _add_uids() -> None:
    """Add names of transfer syntaxes to pydicom's dictionary; pydicom only accepts UIDs with a name."""
    dictionary = _uid_dict.UID_dictionary
    for syntax in TRANSFER_SYNTAXES:
        if syntax.decodable and syntax.uid not in dictionary:
            entry = (syntax.name, "Transfer Syntax", "", "", syntax.keyword)
            dictionary[syntax.uid] = entry
            _undo.append(lambda uid=syntax.uid, entry=entry: _remove(dictionary, uid, entry))  # type: ignore[misc]


def _add_coders(coders: dict[Any, Any], kind: type[Any], uids: Iterable[UID]) -> None:
    """Add a Decoder or Encoder for a transfer syntax that pydicom has none for."""
    for uid in uids:
        if uid not in coders:
            entry = (kind(uid), _VERSION_ADDED)
            coders[uid] = entry
            _undo.append(lambda uid=uid, entry=entry: _remove(coders, uid, entry))  # type: ignore[misc]


def _remove(dictionary: dict[Any, Any], key: Any, value: Any) -> None:
    if dictionary.get(key) is value:
        del dictionary[key]


def _put_first(coder: Any, function: Callable[..., Any]) -> None:
    """Make our plugin the first of a decoder or encoder: pydicom tries them in the order of this dict."""
    before = coder._available
    # A new dict, so that a thread that is reading the old one is not disturbed.
    coder._available = {_LABEL: function, **{label: other for label, other in before.items() if label != _LABEL}}

    def undo() -> None:
        # Other plugins may have been added and removed since.
        present = {label: other for label, other in coder._available.items() if other is not function}
        # Somebody may have added it through the public interface, as the last.
        coder._available = {**present, _LABEL: before[_LABEL]} if _LABEL in before else present

    _undo.append(undo)


def _can_hook() -> bool:
    """Whether this pydicom decodes whole arrays as 3.0 does."""
    runner = decoding.DecodeRunner
    try:
        return (
            not hasattr(runner, "set_frame_option")
            and callable(runner._get_frame_info)
            and callable(decoding._process_color_space)
            and isinstance(decoding.PROCESSORS, list)
            and all(
                list(inspect.signature(getattr(decoding.Decoder, name)).parameters) == ["runner", "index"]
                for name in ("_as_array_encapsulated", "_as_array_native")
            )
        )
    except AttributeError:
        return False


def _hook(decoder: Any) -> None:
    """Install the whole-array path in one decoder; the class and its other instances do not change."""
    if decoder.UID.is_encapsulated and decoder.UID not in plugin.DECODER_DEPENDENCIES:
        return
    name = "_as_array_encapsulated" if decoder.UID.is_encapsulated else "_as_array_native"
    _set(decoder, name, arrays.hooked_whole_array(getattr(decoder, name)))
    _set(decoder, "as_array", arrays.hooked_as_array(decoder.as_array))


def _set(decoder: Any, name: str, value: Any) -> None:
    before = decoder.__dict__.get(name)
    decoder.__dict__[name] = value

    def undo() -> None:
        if decoder.__dict__.get(name) is not value:
            return  # somebody else's by now
        if before is None:
            del decoder.__dict__[name]
        else:
            decoder.__dict__[name] = before

    _undo.append(undo)


def _replace_processor() -> None:
    processors = decoding.PROCESSORS
    if decoding._process_color_space not in processors:
        return
    before, ours = decoding._process_color_space, arrays.convert_colour
    processors[processors.index(before)] = ours

    def undo() -> None:
        if ours in processors:
            processors[processors.index(ours)] = before

    _undo.append(undo)


# --- prefill ----------------------------------------------------------------------------------

_JOB_BYTES = 1 << 20  # bytes of decoded frames that a worker takes at a time


def prefill(datasets: Iterable[Any], *, threads: int | None = None) -> None:
    """Decode datasets in parallel into their ``pixel_array``; see `dcmturbo.prefill`."""
    series = list(datasets)
    workers = resolve_threads(threads)
    plans = _can_hook()
    fillings: list[_Filling] = []
    failure: tuple[int, Exception] | None = None
    for k, ds in enumerate(series):
        try:
            fillings.append(_Filling(ds, workers, plans))
        except Exception as error:
            failure = (k, error)
            break

    failures: dict[int, Exception] = {}

    def work(job: tuple[int, int, int]) -> None:
        k, first, end = job
        try:
            fillings[k].decode(first, end)
        except Exception as error:
            failures[k] = error
            raise

    jobs = [(k, *part) for k, filling in enumerate(fillings) for part in filling.parts()]
    try:
        map_on_workers(work, jobs, workers)
    except Exception:
        # Every job below the lowest failed one is done.
        failure = (min(failures), failures[min(failures)])
    for k, filling in enumerate(fillings[: failure[0]] if failure is not None else fillings):
        try:
            filling.finish()
        except Exception as error:
            failure = (k, error)
            break
    if failure is not None:
        which, reason = failure
        name = series[which].get("SOPInstanceUID", "") if hasattr(series[which], "get") else ""
        reason.add_note(f"in dataset {which} of {len(series)}" + (f", SOPInstanceUID {name}" if name else ""))
        raise reason


class _Filling:
    """One dataset whose pixel array is made, exactly as ``Dataset.pixel_array`` would make it.

    Parameters
    ----------
    ds : pydicom.Dataset
        The dataset.
    threads : int
        Number of workers for this dataset, if it is not divided into pieces.
    plans : bool
        Whether this pydicom decodes whole arrays as 3.0 does.
    """

    def __init__(self, ds: Any, threads: int, plans: bool) -> None:
        if not isinstance(ds, Dataset):
            raise TypeError(f"prefill needs pydicom Datasets, not {type(ds).__name__}")
        self._ds = ds
        self._threads = threads
        self._plan: arrays.Plan | None = None
        self._is_current = ds._pixel_array is not None and ds._pixel_id == get_image_pixel_ids(ds)
        options = dict(ds._pixel_array_opts)
        self._index = options.pop("index", None)
        self._raw = bool(options.pop("raw", False))
        uses_handlers = options.pop("use_pdh", False)
        named = options.pop("decoding_plugin", "")
        is_ours = plans and not uses_handlers and named in ("", _LABEL) and (self._index is None or self._index >= 0)
        if self._is_current or not is_ours:
            return
        uid = getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", None)
        if uid not in decoding._PIXEL_DATA_DECODERS:
            return
        # In the same way as Decoder.as_array.
        self._runner = decoding.DecodeRunner(uid)
        self._runner.set_source(ds)
        self._runner.set_options(**options)
        self._runner.validate()
        self._plan = arrays.prepare(self._runner, self._index, raw=self._raw)

    def parts(self) -> list[tuple[int, int]]:
        """Return pieces of work for any thread: ranges of frames."""
        if self._plan is None:
            return []
        target = self._plan.target
        step = max(1, _JOB_BYTES // max(target[:1].nbytes, 1))
        return [(first, min(first + step, len(target))) for first in range(0, len(target), step)]

    def decode(self, first: int, end: int) -> None:
        """Do one of them."""
        if self._plan is not None:
            self._plan.decode(first, end, 1)

    def finish(self) -> None:
        """Store the array in the dataset."""
        ds = self._ds
        if self._is_current:
            return
        if self._plan is not None:
            array, runner = self._plan.finish(self._runner), self._runner
            array = runner.reshape(array, as_frame=self._index is not None)
            if runner._test_for("sign_correction"):
                array = decoding._apply_sign_correction(array, runner)
            elif runner._test_for("shift_correction"):
                array = decoding._correct_unused_bits(array, runner)
            if not self._raw:
                array, _ = runner.process(array)
        elif self._is_unknown():
            array = decode(ds, self._index, raw=self._raw, threads=self._threads)
        else:
            ds.convert_pixel_data()
            return
        ds._pixel_array = array
        ds._pixel_id = get_image_pixel_ids(ds)

    def _is_unknown(self) -> bool:
        """Whether dcmturbo can read the transfer syntax, and pydicom only if dcmturbo is registered."""
        uid = getattr(getattr(self._ds, "file_meta", None), "TransferSyntaxUID", None)
        return uid in plugin.DECODER_DEPENDENCIES and uid not in decoding._PIXEL_DATA_DECODERS
