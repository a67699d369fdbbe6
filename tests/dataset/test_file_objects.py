"""File objects: read at a position from threads and forked processes; pickled images; remote frames in few reads."""

import gzip
import io
import multiprocessing
import os
import pickle
import tempfile
import threading
import warnings
import zipfile

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.small_frames import quietly

import dcmturbo as dt

COUNT = 60
FRAMES = [np.full((16, 16), k, np.uint8) for k in range(COUNT)]
RLE = [bytes(dt.encode_frame(frame, "RLELossless")) for frame in FRAMES]
MODULE = {"rows": 16, "columns": 16}
OBJECT = encapsulated_file(RLE, "rle", **MODULE)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "object.dcm"
    path.write_bytes(OBJECT)
    return path


def wrong_frames_of_children(image: dt.Image, reads: int, children: int = 6) -> list[int]:
    """How many frames forked workers get that are not the ones that they asked for; 255 for an error."""
    workers = []
    for child in range(children):
        pid = os.fork()
        if pid == 0:
            wrong = 0
            try:
                for k in range(reads):
                    frame = (k * 7 + child * 11) % COUNT
                    wrong += int(not (image[frame] == frame).all())
            except dt.Error as error:
                wrong = 254 if "process" in str(error) else 253
            except BaseException:
                wrong = 255
            os._exit(wrong if wrong > 250 else min(wrong, 250))
        workers.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]


@pytest.mark.parametrize("buffering", [-1, 0])
def test_forked_workers_share_a_file_object(path, buffering):
    with path.open("rb", buffering=buffering) as file, dt.open(file) as image:
        file.seek(100)
        assert wrong_frames_of_children(image, 3000) == [0] * 6
        assert file.tell() == 100
        np.testing.assert_array_equal(image[5], FRAMES[5])


def test_forked_workers_share_a_file_that_is_open_for_writing():
    with tempfile.NamedTemporaryFile() as file:
        file.write(OBJECT)  # not flushed
        with dt.open(file) as image:
            assert wrong_frames_of_children(image, 500) == [0] * 6
        with open(file.name, "rb") as written:
            assert written.read() == OBJECT


def test_a_file_object_of_another_kind_after_a_fork(path, tmp_path):
    zipped = tmp_path / "object.gz"
    zipped.write_bytes(gzip.compress(OBJECT))
    with gzip.open(zipped) as file, dt.open(file) as image:
        np.testing.assert_array_equal(image[5], FRAMES[5])
        assert wrong_frames_of_children(image, 5) == [254] * 6  # refused, with a reason
        np.testing.assert_array_equal(image[6], FRAMES[6])
    # Its bytes and its position are each process's own.
    with dt.open(type("Memory", (io.BytesIO,), {})(OBJECT)) as image:
        assert wrong_frames_of_children(image, 100) == [0] * 6


def test_a_url_is_opened_again_after_a_fork(path):
    pytest.importorskip("fsspec")
    with dt.open(f"file://{path}") as image:
        image[0]
        assert wrong_frames_of_children(image, 200) == [0] * 6


def test_a_closed_file_is_not_another_file(path, tmp_path):
    other = tmp_path / "other.dcm"
    other.write_bytes(encapsulated_file(RLE[::-1], "rle", **MODULE))
    file = path.open("rb")
    image = dt.open(file)
    file.close()
    with other.open("rb"):  # which gets the same descriptor
        np.testing.assert_array_equal(image[3], FRAMES[3])


def test_what_has_a_descriptor_but_gives_other_bytes(path, tmp_path):
    zipped = tmp_path / "object.gz"
    zipped.write_bytes(gzip.compress(OBJECT))
    with gzip.open(zipped) as file:
        np.testing.assert_array_equal(dt.decode(file), FRAMES)
    archive = tmp_path / "object.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(path, "object.dcm")
    with zipfile.ZipFile(archive) as file, file.open("object.dcm") as member:
        np.testing.assert_array_equal(dt.decode(member), FRAMES)

    class Shifted(io.BufferedReader):
        """A file within a file."""

        def seek(self, offset, whence=0):
            return super().seek(offset + 512 if whence == 0 else offset, whence) - 512

        def tell(self):
            return super().tell() - 512

    container = tmp_path / "container"
    container.write_bytes(b"x" * 512 + OBJECT)
    with Shifted(io.FileIO(container)) as file:
        np.testing.assert_array_equal(dt.decode(file), FRAMES)


def test_written_but_not_flushed_bytes_are_seen(tmp_path):
    with open(tmp_path / "new.dcm", "w+b") as file:
        file.write(OBJECT)
        np.testing.assert_array_equal(dt.decode(file), FRAMES)
        with dt.open(file) as image:
            place = OBJECT.index(RLE[7]) + 64
            file.seek(place)
            file.write(OBJECT[OBJECT.index(RLE[9]) + 64 :][:4])
            np.testing.assert_array_equal(image[7][0, 0], 9)
            assert file.tell() == place + 4


def test_threads_share_a_file_object(path):
    wrong = []

    def work(image, seed):
        for k in range(300):
            frame = (k * 13 + seed) % COUNT
            if not (image[frame] == frame).all():
                wrong.append(frame)

    with gzip.open(path.with_suffix(".gz"), "wb") as file:
        file.write(encapsulated_file(RLE, "rle", table=False, **MODULE))  # found while threads read
    for file in (path.open("rb"), gzip.open(path.with_suffix(".gz")), open(path, "r+b")):  # noqa: SIM115
        with file, dt.open(file) as image:
            threads = [threading.Thread(target=work, args=(image, seed)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert not wrong


# --- pickling -------------------------------------------------------------------------------------


def read_first(image: dt.Image) -> int:
    return int(image[4].sum())


def test_an_image_goes_to_a_spawned_process(path):
    with dt.open(path) as image, multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(read_first, [image, image]) == [4 * 256] * 2


class Slices:
    """A dataset as torch's DataLoader takes them."""

    def __init__(self, image: dt.Image) -> None:
        self.image = image

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, k: int) -> np.ndarray:
        return self.image[k].astype(np.float32)


def test_a_data_loader_with_spawned_workers(path):
    torch = pytest.importorskip("torch.utils.data")
    loader = torch.DataLoader(Slices(dt.open(path)), batch_size=10, num_workers=2, multiprocessing_context="spawn")
    assert [int(batch[0, 0, 0]) for batch in loader] == list(range(0, COUNT, 10))


def copy_of(image: dt.Image) -> dt.Image:
    return pickle.loads(pickle.dumps(image))


def test_images_of_all_origins_are_pickled(path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    file = path.open("rb")
    sources = [path, str(path), OBJECT, memoryview(OBJECT), io.BytesIO(OBJECT), file]
    sources += [f"file://{path}", fsspec.open(f"file://{path}", "rb")]
    for source in sources:
        with dt.open(source, raw=True, unused_bits="keep") as image, copy_of(image) as copy:
            np.testing.assert_array_equal(copy[7], FRAMES[7])
            assert (copy.frame_set.raw, copy.frame_set.keep_unused_bits) == (True, True)
    file.close()
    monkeypatch.chdir(path.parent)
    with dt.open(path.name) as image:
        data = pickle.dumps(image)
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(data)[7], FRAMES[7])


def test_a_pickled_image_of_another_file_is_refused(path):
    data = pickle.dumps(dt.open(path))
    stat = path.stat()
    path.write_bytes(OBJECT[:-2] + b"\1\1")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 100))  # the unit of Windows
    with pytest.raises(dt.DecodeError, match="open it again"):
        pickle.loads(data)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        pickle.loads(data)


def test_what_cannot_be_pickled_says_what_to_do(path):
    pydicom = pytest.importorskip("pydicom")
    path.with_suffix(".gz").write_bytes(gzip.compress(OBJECT))
    with gzip.open(path.with_suffix(".gz")) as zipped:
        for source in (pydicom.dcmread(path), zipped):
            with dt.open(source) as image, pytest.raises(TypeError, match="open a path"):
                pickle.dumps(image)
    image = dt.open(path)
    image.close()
    with pytest.raises(ValueError, match="closed"):
        pickle.dumps(image)


def test_a_pickled_image_warns_once(path):
    path.write_bytes(native_file(FRAMES[0].tobytes(), frames=0, **MODULE))
    with pytest.warns(dt.DecodeWarning, match="NumberOfFrames is 0"):
        image = dt.open(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(copy_of(image)[0], FRAMES[0])


# --- remote objects -------------------------------------------------------------------------------


class Remote(io.BytesIO):
    """Counts what a remote file would be asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads = self.bytes = 0

    def read(self, size=-1):
        data = super().read(size)
        self.reads += 1
        self.bytes += len(data)
        return data


def remote_object(kind: str, count: int, size: int) -> tuple[bytes, list[np.ndarray]]:
    frames = [np.random.default_rng(k).integers(0, 256, (size, size), np.uint8) for k in range(min(count, 20))]
    keyword = {"rle": "RLELossless", "jpeg2000": "JPEG2000Lossless", "jpegls": "JPEGLSLossless"}.get(
        kind, "EncapsulatedUncompressedExplicitVRLittleEndian"
    )
    encoded = [bytes(dt.encode_frame(frame, keyword)) for frame in frames]
    every = [encoded[k % len(encoded)] for k in range(count)]
    return encapsulated_file(every, kind, table=False, rows=size, columns=size), frames


@pytest.mark.parametrize("kind", ["rle", "jpeg2000", "jpegls", "encapsulated_uncompressed"])
def test_a_frame_of_a_remote_object_without_a_table(kind):
    data, frames = remote_object(kind, 2000, 32)
    file = Remote(data)
    with dt.open(file) as image:
        np.testing.assert_array_equal(image[0], frames[0])
        assert file.reads < 20
        assert file.bytes < len(data) / 20
        np.testing.assert_array_equal(image[5], frames[5])
        np.testing.assert_array_equal(image[[7, 3]], [frames[7], frames[3]])
        assert file.reads < 30
        assert not image.frame_set.opened.index.is_settled
        np.testing.assert_array_equal(image[1999], frames[1999 % 20])
        assert file.reads < 50
        assert len(image) == 2000
        assert image.frame_set.opened.index.is_settled
    np.testing.assert_array_equal(dt.decode(Remote(data), slice(100, 140)), (frames * 7)[:40])


def test_large_frames_of_a_remote_object_are_not_read_to_find_others():
    data, frames = remote_object("encapsulated_uncompressed", 30, 1100)  # above a MiB each
    file = Remote(data)
    with dt.open(file) as image:
        np.testing.assert_array_equal(image[-1], frames[29 % 20])
    assert file.bytes < len(data) / 10
    assert file.reads < 100


@pytest.mark.parametrize("promised", [1990, 2010])
def test_the_number_of_remote_frames_is_still_checked(promised):
    data, frames = remote_object("rle", 2000, 8)
    data = data.replace(b"IS\4\x002000", b"IS\4\0%d" % promised)
    with dt.open(Remote(data)) as image:
        np.testing.assert_array_equal(image[3], frames[3])
        assert len(image) == max(promised, 2000)
        if promised > 2000:
            with pytest.raises(dt.DecodeError, match="NumberOfFrames is 2010"):
                image.read()
        else:
            with pytest.warns(dt.DecodeWarning, match="NumberOfFrames is 1990"):
                assert len(image.read()) == 2000
    if promised > 2000:
        with dt.open(Remote(data)) as image, pytest.raises(dt.DecodeError) as caught:
            image[2005]
        assert caught.value.code == "missing_frame"
        assert caught.value.frame == 2005


def test_a_remote_file_that_fails_says_why():
    class Broken(Remote):
        fails = False

        def read(self, size=-1):
            if self.fails:
                raise OSError("the network is gone")
            return super().read(size)

    data, frames = remote_object("rle", 300, 64)
    file = Broken(data)
    with dt.open(file) as image:
        image[0]
        file.fails = True
        for attempt in (lambda: image[200], lambda: len(image), lambda: image.encoded_frame(100)):
            with pytest.raises(dt.DecodeError, match="the network is gone"):
                attempt()
        file.fails = False
        np.testing.assert_array_equal(image[200], frames[0])
        assert len(image) == 300


def test_frames_of_several_fragments_in_a_remote_object():
    frames = FRAMES[:8]
    fragments = [[data[:70], data[70:]] for data in RLE[:8]]
    data = encapsulated_file(fragments, "rle", table=False, **MODULE)
    for k in (0, 5):
        np.testing.assert_array_equal(quietly(Remote(data), k), frames[k])
