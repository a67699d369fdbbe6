"""What is fetched of an object of a store: counted at an S3-speaking server on loopback (moto), and at a counting
file system."""

import io
import multiprocessing
import os
import pickle
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from helpers.dicom_writer import encapsulated_file
from helpers.samples import smooth
from helpers.slides import instance, tissue
from helpers.stores import s3_server
from pydicom import encaps

import dcmturbo as dt

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cloud)")

pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def bucket():
    """The S3 file system, and the URL of a bucket."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra cloud)")
    pytest.importorskip("moto", reason="moto[server] is not installed")
    with s3_server():
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("images")
        yield system, "s3://images"


class Counted:
    """Requests of a file system for ranges, and for what an object is."""

    def __init__(self, monkeypatch):
        import s3fs

        self.requests, self.bytes = 0, 0
        counted = self

        def wrap(name):
            inner = getattr(s3fs.S3FileSystem, name)

            async def call(fs, *arguments, **options):
                result = await inner(fs, *arguments, **options)
                counted.requests += 1
                counted.bytes += len(result) if isinstance(result, bytes) else 0
                return result

            monkeypatch.setattr(s3fs.S3FileSystem, name, call)

        wrap("_cat_file")
        wrap("_info")

    def take(self):
        found = self.requests, self.bytes
        self.requests = self.bytes = 0
        return found


def put(bucket, data):
    system, root = bucket
    url = f"{root}/{uuid.uuid4().hex}.dcm"
    system.pipe_file(url.removeprefix("s3://"), data)
    return url


SIDE = 2048
UIDS = {"JPEG2000Lossless": "1.2.840.10008.1.2.4.90", "HTJ2KLosslessRPCL": "1.2.840.10008.1.2.4.202"}


def object_of(array, syntax, frames=1, **options):
    encoded = dt.encode_frame(array, syntax, bits_stored=12, **options)
    module = {"rows": array.shape[0], "columns": array.shape[1], "bits_allocated": 16, "bits_stored": 12}
    return encapsulated_file([encoded] * frames, UIDS[syntax], frames=frames, **module)


@pytest.mark.parametrize(
    ("syntax", "options", "most_requests"),
    [
        ("HTJ2KLosslessRPCL", {"packet_lengths": True}, 4),
        ("HTJ2KLosslessRPCL", {}, 6),
        ("JPEG2000Lossless", {"progression_order": "RPCL", "packet_lengths": True, "precinct_size": 256}, 4),
        ("JPEG2000Lossless", {"progression_order": "RLCP", "packet_lengths": True}, 4),
        ("JPEG2000Lossless", {}, 6),
    ],
)
def test_a_lower_resolution_needs_few_bytes(bucket, monkeypatch, syntax, options, most_requests):
    array = smooth((SIDE, SIDE), "u2", bits=12)
    data = object_of(array, syntax, **options)
    url = put(bucket, data)
    counted = Counted(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error", dt.DecodeWarning)
        with dt.open(url) as image:
            found = image.read(reduce=3)
    requests, size = counted.take()
    np.testing.assert_array_equal(found, dt.decode(data, reduce=3))
    assert requests <= most_requests
    assert size <= 0.05 * len(data)


@pytest.fixture
def requests(monkeypatch):
    """Method and bytes of each answer that the HTTP client of s3fs gets."""
    session = pytest.importorskip("aiobotocore.httpsession", reason="s3fs is not installed (extra cloud)")
    send, found = session.AIOHTTPSession.send, []

    async def counted(self, request):
        response = await send(self, request)
        found.append((request.method, int(response.headers.get("Content-Length") or 0)))
        return response

    monkeypatch.setattr(session.AIOHTTPSession, "send", counted)
    return found


@pytest.mark.parametrize(
    ("syntax", "options"),
    [
        ("HTJ2KLosslessRPCL", {}),  # has TLM
        ("HTJ2KLosslessRPCL", {"packet_lengths": True}),
        ("JPEG2000Lossless", {"progression_order": "RPCL", "tile_part_lengths": True}),
        ("JPEG2000Lossless", {"progression_order": "RPCL", "packet_lengths": True}),
    ],
)
def test_an_eighth_of_a_large_frame_takes_few_requests(bucket, requests, syntax, options):
    """4 % of the object and 6 requests at most, opening and HEAD included."""
    rng = np.random.default_rng(0)
    array = np.clip(smooth((4096, 4096), "u2", bits=12) + rng.integers(-20, 21, (4096, 4096)), 0, 4095)
    data = object_of(array.astype(np.uint16), syntax, **options)
    url = put(bucket, data)
    requests.clear()
    with dt.open(url) as image:
        found = image.read(reduce=3)
    assert len(requests) <= 6
    assert sum(size for method, size in requests if method == "GET") <= 0.04 * len(data)
    np.testing.assert_array_equal(found, dt.decode(data, reduce=3))


def test_all_resolutions_and_regions(bucket, monkeypatch):
    array = smooth((700, 900), "u2", bits=12)
    for options in ({"packet_lengths": True}, {"progression_order": "PCRL"}, {"tile_width": 256, "tile_height": 256}):
        data = object_of(array, "JPEG2000Lossless", frames=3, **options)
        url = put(bucket, data)
        with dt.open(url) as image:
            for reduce in range(6):
                np.testing.assert_array_equal(image.read(reduce=reduce), dt.decode(data, reduce=reduce))
            found = image.read([2, 0], reduce=2, region=(10, 20, 100, 90))
            np.testing.assert_array_equal(found, dt.decode(data, [2, 0], reduce=2, region=(10, 20, 100, 90)))


def test_a_cut_object_is_an_error_at_any_resolution(bucket):
    array = smooth((SIDE, SIDE), "u2", bits=12)
    data = object_of(array, "HTJ2KLosslessRPCL", packet_lengths=True)
    url = put(bucket, data[: len(data) // 100])
    with dt.open(url) as image, pytest.raises(dt.DecodeError) as caught:
        image.read(reduce=1)
    assert caught.value.code == "truncated"


def test_frames_without_a_table(bucket, monkeypatch):
    frame = dt.encode_frame(smooth((16, 16), "u1"), "JPEGLSLossless")
    count = 20_000
    data = encapsulated_file(
        [frame] * count, "1.2.840.10008.1.2.4.80", table=False, rows=16, columns=16, bits_allocated=8
    )
    url = put(bucket, data)
    counted = Counted(monkeypatch)
    with dt.open(url) as image:
        first = image[0]
        requests, size = counted.take()
        assert requests <= 3
        assert size <= 0.03 * len(data)
        np.testing.assert_array_equal(image[count - 1], first)
        requests, size = counted.take()
        assert requests <= 15
        assert size <= 1.1 * len(data)


def test_threads_and_pickles(bucket):
    matrix = tissue(300, 260)
    url = put(bucket, instance(matrix, (32, 24), "HTJ2KLossless"))
    with dt.slide(url) as slide:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: np.testing.assert_array_equal(slide[20:250, 30:], matrix[20:250, 30:]), range(8)))
        again = pickle.loads(pickle.dumps(slide))
    np.testing.assert_array_equal(again[:], matrix)


def _read_in_child(image, expected, place):
    np.testing.assert_array_equal(image.read(0), expected)
    place.put("right")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_reads_with_connections_of_its_own(bucket):
    array = smooth((200, 200), "u2", bits=12)
    url = put(bucket, object_of(array, "JPEG2000Lossless"))
    context = multiprocessing.get_context("fork")
    with dt.open(url) as image:
        expected = image.read(0)
        place = context.Queue()
        child = context.Process(target=_read_in_child, args=(image, expected, place))
        child.start()
        assert place.get(timeout=60) == "right"
        child.join()


def test_a_slide_in_a_folder(bucket):
    """The second level has no offset table: tiles are found by a search, or by offsets that were kept."""
    system, root = bucket
    folder = f"{root}/{uuid.uuid4().hex}"
    matrix = tissue(320, 300)
    ds = pydicom.dcmread(io.BytesIO(instance(matrix[::2, ::2], (32, 24))))
    frames = list(encaps.generate_frames(ds.PixelData, number_of_frames=ds.NumberOfFrames))
    ds.PixelData = encaps.encapsulate(frames, has_bot=False)
    bare = io.BytesIO()
    ds.save_as(bare)
    for name, data in (("a.dcm", instance(matrix, (32, 24))), ("b/c.dcm", bare.getvalue()), ("", b"")):
        system.pipe_file(f"{folder}/{name}".removeprefix("s3://"), data)
    with dt.slide(f"{folder}/") as slide:
        saved = slide.save_index(f"{folder}-index")
    assert len(saved) == 2
    for url, index in ((folder, None), (f"{folder}/", f"{folder}-index")):
        with dt.slide(url, index=index) as slide:
            np.testing.assert_array_equal(slide.levels[1][-32:, -24:], matrix[::2, ::2][-32:, -24:])
            np.testing.assert_array_equal(slide[100:300, 20:90], matrix[100:300, 20:90])


def test_settings():
    assert dt.config.remote.block_bytes == 64 << 10
    with dt.config.override(cache_bytes=1 << 20, block_bytes=4096, read_ahead_bytes=1 << 16):
        assert "block_bytes=4096" in repr(dt.config.remote)
    assert dt.config.remote.cache_bytes == 32 << 20
    with pytest.raises(ValueError, match="block_bytes"):
        dt.config.remote.block_bytes = 0
