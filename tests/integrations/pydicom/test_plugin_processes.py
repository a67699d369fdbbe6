"""`register` in the processes that multiprocessing starts."""

import concurrent.futures
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from helpers.pydicom_datasets import GRAY, JPEG_LOSSLESS, make

import dcmturbo as dt
from dcmturbo.integrations.pydicom import spawning

METHODS = multiprocessing.get_all_start_methods()

# Workers import pydicom, and never dcmturbo.
WORKERS = """
import multiprocessing
import sys

import pydicom


def is_registered():
    from pydicom.pixels.decoders import JPEGLosslessSV1Decoder
    return "dcmturbo" in JPEGLosslessSV1Decoder.available_plugins


def decode(path):
    ds = pydicom.dcmread(path)
    ds.pixel_array_options(decoding_plugin="dcmturbo")
    return int(ds.pixel_array.sum(dtype="int64"))


def grandchild(method, path):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply(decode, (path,))


def put(queue, path):
    queue.put(decode(path))


def has_imported_dcmturbo():
    return any(name.split(".")[0] == "dcmturbo" for name in sys.modules)
"""


@pytest.fixture
def run(tmp_path):
    """Run a program that can import the workers; return what it prints."""
    (tmp_path / "workers.py").write_text(WORKERS)
    ds = make(JPEG_LOSSLESS, GRAY)
    ds.save_as(tmp_path / "image.dcm", enforce_file_format=True)

    def run(program, *flags):
        body = textwrap.indent(textwrap.dedent(program), "    ")
        (tmp_path / "main.py").write_text(
            "import concurrent.futures, multiprocessing, sys\nimport workers\n"
            f"path = {str(tmp_path / 'image.dcm')!r}\nif __name__ == '__main__':\n{body}"
        )
        done = subprocess.run(
            [sys.executable, *flags, str(tmp_path / "main.py")],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr

    return run


SUM = str(int(np.stack(GRAY).sum(dtype=np.int64)))


@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_worker_has_the_plugin(run, method):
    printed, errors = run(
        f"""
        import dcmturbo
        dcmturbo.register()
        context = multiprocessing.get_context({method!r})
        with context.Pool(1) as pool:
            print(pool.apply(workers.decode, (path,)))
        queue = context.Queue()
        process = context.Process(target=workers.put, args=(queue, path))
        process.start()
        print(queue.get())
        process.join()
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
            print(executor.submit(workers.decode, path).result())
            print(executor.submit(workers.grandchild, "spawn", path).result())
        """
    )
    assert printed == [SUM] * 4
    assert errors == ""


@pytest.mark.parametrize("method", METHODS)
def test_register_is_an_initializer_of_workers(run, method):
    """Of a DataLoader, which passes the number of the worker: worker_init_fn=dcmturbo.register."""
    printed, errors = run(
        f"""
        from dcmturbo import register  # not called here
        context = multiprocessing.get_context({method!r})
        with context.Pool(1, initializer=register, initargs=(3,)) as pool:
            print(pool.apply(workers.is_registered), pool.apply(workers.decode, (path,)))
        """
    )
    assert printed == ["True", SUM]
    assert errors == ""


def test_unregister_ends_it_and_nothing_is_imported_without_it(run):
    printed, _ = run(
        """
        context = multiprocessing.get_context("spawn")
        def ask(name):
            with context.Pool(1) as pool:
                return pool.apply(getattr(workers, name))
        print(ask("has_imported_dcmturbo"))
        import dcmturbo
        dcmturbo.register()
        print(ask("is_registered"))
        dcmturbo.unregister()
        print(ask("has_imported_dcmturbo"))
        dcmturbo.register()
        print(ask("is_registered"))
        """
    )
    assert printed == ["False", "True", "False", "True"]


@pytest.mark.parametrize("flags", [(), ("-W", "error")], ids=["warning", "error"])
def test_a_child_that_cannot_import_dcmturbo_goes_on(run, flags, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "dcmturbo.py").write_text("raise ImportError('another environment')")
    printed, errors = run(
        f"""
        import dcmturbo
        dcmturbo.register()
        sys.path.insert(0, {str(broken)!r})  # which the child gets
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.apply(workers.is_registered))
        """,
        *flags,
    )
    assert printed == ["False"]
    assert ("dcmturbo is not registered in this process" in errors) == (not flags)


def test_the_explicit_way_for_other_pools(run):
    printed, _ = run(
        """
        import dcmturbo
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, context, initializer=dcmturbo.register) as executor:
            print(executor.submit(workers.decode, path).result())
        """
    )
    assert printed == [SUM]


def test_the_entry_survives_a_pickle_of_a_pickle():
    entry = pickle.loads(pickle.dumps(spawning.ENTRY))
    assert entry is spawning.ENTRY
    assert pickle.loads(pickle.dumps(entry)) is entry


def test_the_entry_names_nothing_that_a_child_may_lack():
    names = pickle.dumps(spawning.ENTRY, protocol=0)
    assert names.startswith((b"c__builtin__\neval", b"cbuiltins\neval"))


def test_a_multiprocessing_that_is_built_differently_is_left_alone(monkeypatch):
    dt.unregister()
    process = multiprocessing.current_process()
    monkeypatch.delattr(process, "_config")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dt.register()
        dt.unregister()
    assert not hasattr(process, "_config")


def test_leaving_is_complete():
    config = multiprocessing.current_process()._config
    assert config["dcmturbo"] is spawning.ENTRY
    dt.unregister()
    assert "dcmturbo" not in config


def test_a_pool_of_threads_is_no_business_of_ours():
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        executor.submit(dt.register).result()
    assert multiprocessing.current_process()._config["dcmturbo"] is spawning.ENTRY
