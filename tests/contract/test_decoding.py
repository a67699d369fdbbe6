"""What every codec owes its caller, whoever wrote it: one suite for all of them."""

import itertools
import warnings

import numpy as np
import pytest
from helpers.dicom_writer import encapsulated_file, native_file
from helpers.samples import CASES, Case

import dcmturbo as dt

every_case = pytest.mark.parametrize("case", CASES, ids=str)
# Native frames have no bytes of their own that could be damaged without the others'.
every_encapsulated_case = pytest.mark.parametrize("case", [c for c in CASES if c.syntax.encapsulated], ids=str)
NATIVE = {"ImplicitVRLittleEndian": "implicit", "ExplicitVRBigEndian": "big_endian"}


def module_of(case: Case) -> dict:
    a = case.arguments()
    return {
        "rows": a["rows"],
        "columns": a["columns"],
        "samples": a["samples_per_pixel"],
        "bits_allocated": a["bits_allocated"],
        "bits_stored": a["bits_stored"],
        "signed": a["pixel_representation"],
        "photometric": a["photometric_interpretation"],
        "planar": None if a["samples_per_pixel"] == 1 else 0,
    }


def file_of(case: Case, arrays: list[np.ndarray], **more: object) -> bytes:
    """A file of these frames in the case's transfer syntax."""
    frames = [case.encode(array) for array in arrays]
    module = {**module_of(case), "frames": len(frames), **more}
    if case.syntax.encapsulated:
        return encapsulated_file(frames, case.syntax.uid, **module)
    size = arrays[0].nbytes
    name = "deflated" if case.syntax.keyword.startswith("Deflated") else NATIVE.get(case.syntax.keyword, "explicit")
    return native_file(b"".join(frame[:size] for frame in frames), name, **module)


def expected(case: Case, data: bytes) -> np.ndarray:
    """What the frame decodes to by itself, for comparison of one way with another."""
    return case.decode(data)


@every_case
def test_a_frame_decodes_to_what_was_encoded(case):
    array = case.array()
    data = case.encode(array)
    decoded = case.decode(data)
    assert decoded.shape == array.shape
    assert decoded.dtype == array.dtype
    assert decoded.dtype.isnative
    assert decoded.flags.writeable
    assert decoded.flags.c_contiguous
    if case.lossy:
        scale = 2 ** (case.bits - 8)
        assert np.abs(decoded.astype(int) - array).mean() < 8 * scale
    else:
        np.testing.assert_array_equal(decoded, array)


@every_case
def test_a_new_array_is_aligned(case):
    if not NATIVE.get(case.syntax.keyword):
        assert case.decode(case.encode(case.array())).ctypes.data % 64 == 0


def layouts(shape: tuple[int, ...], dtype: np.dtype) -> dict[str, np.ndarray]:
    """Arrays of one shape and of every kind of strides."""
    size = int(np.prod(shape)) * dtype.itemsize
    unaligned = np.zeros(size + 3, np.uint8)[3:].view(dtype).reshape(shape)
    wider = tuple(2 * n + 1 for n in shape)
    found = {
        "c_order": np.zeros(shape, dtype),
        "fortran": np.zeros(shape, dtype, order="F"),
        "unaligned": unaligned,
        "every_other": np.zeros(wider, dtype)[tuple(slice(1, None, 2) for _ in shape)],
        "upside_down": np.zeros(shape, dtype)[::-1],
        "mirrored": np.zeros(shape, dtype)[:, ::-1],
        "padded_rows": np.zeros((shape[0], shape[1] + 7, *shape[2:]), dtype)[:, : shape[1]],
        "transposed": np.zeros((shape[1], shape[0], *shape[2:]), dtype).swapaxes(0, 1),
    }
    if len(shape) == 3:
        found["planes"] = np.moveaxis(np.zeros((shape[2], *shape[:2]), dtype), 0, -1)
        found["samples_reversed"] = np.zeros(shape, dtype)[..., ::-1]
        found["one_of_four"] = np.zeros((*shape[:2], shape[2] + 1), dtype)[..., :-1]
    return found


@every_case
def test_out_of_any_strides_is_filled_and_returned(case):
    data = case.encode(case.array())
    right = expected(case, data)
    for name, out in layouts(right.shape, right.dtype).items():
        assert out.shape == right.shape
        assert case.decode(data, out=out) is out, name
        np.testing.assert_array_equal(out, right, err_msg=name)


@every_case
def test_what_lies_between_the_pixels_of_out_is_not_touched(case):
    data = case.encode(case.array())
    right = expected(case, data)
    around = np.full(tuple(2 * n + 3 for n in right.shape), 77, right.dtype)
    inside = tuple(slice(1, 2 * n, 2) for n in right.shape)
    case.decode(data, out=around[inside])
    untouched = np.ones(around.shape, bool)
    untouched[inside] = False
    assert (around[untouched] == 77).all()
    np.testing.assert_array_equal(around[inside], right)


@every_case
def test_out_of_another_shape_or_type_is_refused(case):
    data = case.encode(case.array())
    right = expected(case, data)
    wrong = [
        np.zeros((right.shape[0] + 1, *right.shape[1:]), right.dtype),
        np.zeros((1, *right.shape), right.dtype),
        np.zeros(right.shape, np.float32),
        np.zeros(right.shape, "i1" if right.dtype.kind == "u" else "u1"),
        np.zeros(right.size, right.dtype),
    ]
    if right.dtype.itemsize > 1:
        wrong.append(np.zeros(right.shape, right.dtype.newbyteorder()))
    for out in wrong:
        with pytest.raises(ValueError, match="out has"):
            case.decode(data, out=out)
        assert not out.any()
    with pytest.raises(TypeError, match="out must be a numpy array"):
        case.decode(data, out=right.tolist())


@every_case
def test_a_read_only_out_is_refused(case):
    data = case.encode(case.array())
    out = np.zeros(case.shape, case.dtype)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        case.decode(data, out=out)
    assert not out.any()


@every_case
def test_any_number_of_threads_gives_the_same(case):
    arrays = [case.array(seed) for seed in range(5)]
    source = file_of(case, arrays)
    one = dt.decode(source, threads=1, raw=True)
    for threads in (2, 8, None):
        np.testing.assert_array_equal(dt.decode(source, threads=threads, raw=True), one)
    if not case.lossy:
        np.testing.assert_array_equal(one, np.stack(arrays))


@every_case
def test_decode_equals_decode_frame(case):
    data = case.encode(case.array())
    file = dt.decode(file_of(case, [case.array()]), raw=True)
    frame = case.decode(data, raw=True)
    assert file.shape == frame.shape
    assert file.dtype == frame.dtype
    np.testing.assert_array_equal(file, frame)


@every_case
def test_fragments_may_be_cut_anywhere(case):
    data = case.encode(case.array())
    right = expected(case, data)
    for cuts in ([1], [len(data) // 2], [2, 3, 5, 64, 65, len(data) - 1], [0, len(data)]):
        edges = [0, *cuts, len(data)]
        fragments = [data[a:b] for a, b in itertools.pairwise(edges)]
        np.testing.assert_array_equal(case.decode(fragments), right)
        np.testing.assert_array_equal(case.decode([bytearray(f) for f in fragments]), right)
    np.testing.assert_array_equal(case.decode(tuple(memoryview(data)[i : i + 1] for i in range(len(data)))), right)


@every_case
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_data_may_be_any_buffer(case, kind):
    data = case.encode(case.array())
    np.testing.assert_array_equal(case.decode(kind(data)), expected(case, data))


@every_case
def test_the_data_are_only_read(case):
    data = bytearray(case.encode(case.array()))
    before = bytes(data)
    case.decode(data)
    assert data == before


# ---- data that are not whole -------------------------------------------------------------------


def right_or_refused(case: Case, data: bytes, right: np.ndarray) -> bool:
    """Whether the frame was refused; anything but that and the right pixels fails."""
    try:
        decoded = case.decode(data)
    except dt.DecodeError:
        return True
    np.testing.assert_array_equal(decoded, right)
    return False


OWN = [case for case in CASES if case.own and len(case.encode(case.array())) <= 2048]
LIBRARY = [case for case in CASES if not case.own]


@pytest.mark.parametrize("case", OWN, ids=str)
def test_a_frame_of_ours_cut_at_any_byte_is_refused_or_right(case):
    data = case.encode(case.array())
    right = expected(case, data)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*end marker", dt.DecodeWarning)
        refused = [right_or_refused(case, data[:size], right) for size in range(len(data))]
    # Only what pads the end may be missing; of JPEG, JPEG-LS and JPEG 2000 also the marker EOI or EOC, for every sample
    # is there without it.
    assert all(refused[: -3 if case.syntax.family in ("jpeg", "jpegls", "jpeg2000") else -1])


@pytest.mark.parametrize("case", OWN, ids=str)
def test_a_frame_of_ours_cut_at_any_byte_is_salvaged_from_its_start(case):
    data = case.encode(case.array())
    right = expected(case, data).reshape(-1)
    seen = set()
    for size in range(0, len(data), 7):
        status = np.full(1, 99, np.uint8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DecodeWarning)
            found = case.decode(data[:size], on_error="salvage", status=status).reshape(-1)
        assert status[0] in (dt.FrameStatus.OK, dt.FrameStatus.PARTIAL, dt.FrameStatus.FAILED)
        seen.add(int(status[0]))
        if status[0] == dt.FrameStatus.FAILED:
            assert not found.any()
        elif case.syntax.family != "jpeg2000":  # there each sample has its best approximation
            wrong = np.flatnonzero(found != right)
            start = wrong[0] if wrong.size else right.size
            assert not found[start:].any() or status[0] == dt.FrameStatus.OK
    if case.syntax.family != "jpeg2000":  # small images are one packet: all of it, or nothing
        assert dt.FrameStatus.PARTIAL in seen
    assert dt.FrameStatus.FAILED in seen


@pytest.mark.parametrize("case", LIBRARY, ids=str)
def test_a_frame_of_a_library_cut_short_is_refused_or_right(case):
    data = case.encode(case.array())
    right = expected(case, data)
    cuts = sorted({*np.linspace(0, len(data) - 1, 50, dtype=int).tolist(), len(data) - 1, len(data) - 2, 1, 2})
    refused = [right_or_refused(case, data[:size], right) for size in cuts]
    assert all(refused[: len(cuts) // 2])


@every_case
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", b"\0" * 64, b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a"])
def test_what_is_no_frame_is_refused(case, data):
    with pytest.raises(dt.DecodeError) as caught:
        case.decode(data)
    assert caught.value.message
    assert caught.value.code in ("truncated", "malformed", "mismatch", "unsupported")


@every_case
def test_no_fragments_are_refused(case):
    for nothing in ([], [b""], [b"", b""]):
        with pytest.raises(dt.DecodeError):
            case.decode(nothing)


@every_case
@pytest.mark.filterwarnings("ignore::dcmturbo.DecodeWarning")  # of what the rubbish says that it is
def test_rubbish_is_refused_or_decodes_to_something_of_the_right_shape(case):
    random = np.random.default_rng(5)
    data = case.encode(case.array())
    for _ in range(20):
        rubbish = bytearray(random.bytes(len(data)))
        keep = int(random.integers(0, len(data)))
        rubbish[:keep] = data[:keep]
        try:
            decoded = case.decode(bytes(rubbish))
        except dt.DecodeError:
            continue
        assert decoded.shape == case.shape


# Native frames are a number of bytes: the attributes may be wrong in ways that leave it as it is.
def contradictions(case: Case) -> list[dict]:
    a = case.arguments()
    rows, columns, samples = a["rows"], a["columns"], a["samples_per_pixel"]
    more = [{"rows": rows * 2}, {"columns": columns * 2}, {"rows": rows + 50, "columns": columns + 50}]
    if samples == 1:
        more.append({"samples_per_pixel": 3, "photometric_interpretation": "RGB"})
    if a["bits_allocated"] < 64:
        more.append({"bits_allocated": 64, "bits_stored": 64})
    return more


@every_case
def test_attributes_that_ask_for_more_than_the_frame_holds_are_refused(case):
    data = case.encode(case.array())
    for wrong in contradictions(case):
        if case.syntax.has_codestream_header and "bits_allocated" in wrong:
            continue  # a codestream of fewer bits than are allocated is right
        with pytest.raises(dt.DecodeError):
            case.decode(data, **wrong)


@pytest.mark.parametrize("case", [c for c in CASES if c.syntax.has_codestream_header], ids=str)
def test_attributes_that_contradict_the_codestream_are_refused(case):
    data = case.encode(case.array())
    a = case.arguments()
    wrong = [{"rows": a["rows"] - 1}, {"columns": a["columns"] - 1}, {"rows": a["columns"], "columns": a["rows"]}]
    if a["samples_per_pixel"] == 3:
        wrong.append({"samples_per_pixel": 1, "photometric_interpretation": "MONOCHROME2"})
    if case.bits > 8:
        wrong.append({"bits_allocated": 8, "bits_stored": 8})
    for one in wrong:
        with pytest.raises(dt.DecodeError) as caught:
            case.decode(data, **one)
        assert caught.value.code == "mismatch", one


IMPOSSIBLE = [
    {"rows": 0},
    {"columns": 0},
    {"samples_per_pixel": 0},
    {"samples_per_pixel": 5},
    {"bits_allocated": 0},
    {"bits_allocated": 12},
    {"bits_allocated": 128},
    {"bits_stored": 0},
    {"bits_stored": 65},
    {"pixel_representation": 2},
    {"planar_configuration": 2},
]


@every_case
@pytest.mark.parametrize("impossible", IMPOSSIBLE, ids=str)
def test_impossible_attributes_are_refused(case, impossible):
    data = case.encode(case.array())
    for out in (None, np.zeros(case.shape, case.dtype)):
        with pytest.raises(ValueError, match=r"."):
            case.decode(data, out=out, **impossible)


@every_case
def test_the_limit_of_pixels_holds_before_anything_is_allocated(case):
    data = case.encode(case.array())
    source = file_of(case, [case.array()])
    pixels = case.shape[0] * case.shape[1]
    with dt.config.override(max_pixels=pixels):
        case.decode(data)
        dt.decode(source, raw=True)
    with dt.config.override(max_pixels=pixels - 1):
        for attempt in (lambda: case.decode(data), lambda: dt.decode(source, raw=True)):
            with pytest.raises(dt.LimitExceeded) as caught:
                attempt()
            assert caught.value.code == "limit"


@every_case
def test_the_limit_of_output_holds_before_anything_is_allocated(case):
    arrays = [case.array(seed) for seed in range(2)]
    data = case.encode(arrays[0])
    source = file_of(case, arrays)
    size = arrays[0].nbytes
    with dt.config.override(max_output=2 * size):
        assert dt.decode(source, raw=True).nbytes == 2 * size
    with dt.config.override(max_output=2 * size - 1):
        with pytest.raises(dt.LimitExceeded):
            dt.decode(source, raw=True)
        assert dt.decode(source, 1, raw=True).nbytes == size
    with dt.config.override(max_output=size - 1), pytest.raises(dt.LimitExceeded):
        case.decode(data)


@pytest.mark.parametrize("keyword", ["RLELossless", "ExplicitVRLittleEndian", "JPEG2000Lossless", "JPEGBaseline8Bit"])
def test_a_huge_image_is_refused_without_memory_for_it(keyword):
    for rows, columns in ((2**32 - 1, 2**32 - 1), (2**31, 2**31), (2**20, 2**20)):
        with pytest.raises(dt.LimitExceeded):
            dt.decode_frame(b"\0" * 100, keyword, rows=rows, columns=columns, bits_allocated=8)


@every_case
def test_on_error_unused_bits_and_threads_take_known_words_only(case):
    data = case.encode(case.array())
    for wrong in ({"on_error": "ignore"}, {"unused_bits": "drop"}, {"threads": 0}, {"threads": -1}):
        with pytest.raises(ValueError, match="expected"):
            case.decode(data, **wrong)


@every_case
def test_status_of_one_frame(case):
    data = case.encode(case.array())
    status = np.full(1, 99, np.uint8)
    case.decode(data, status=status)
    assert status.tolist() == [dt.FrameStatus.OK]
    for wrong in (np.zeros(2, np.uint8), np.zeros(1, np.int8), np.zeros((1, 1), np.uint8), [0]):
        with pytest.raises(ValueError, match="status must be"):
            case.decode(data, status=wrong)


@every_case
def test_every_isa_gives_the_same_bits(case):
    data = case.encode(case.array())
    right = expected(case, data)
    for isa in dt.config.available_isas:
        with dt.config.override(isa=isa):
            np.testing.assert_array_equal(case.decode(data), right, err_msg=isa)
            if case.own and case.syntax.keyword != "ExplicitVRBigEndian":
                assert case.encode(case.array()) == data


# ---- salvage of a file -------------------------------------------------------------------------


@every_encapsulated_case
def test_salvage_says_what_became_of_each_frame(case):
    arrays = [case.array(seed) for seed in range(3)]
    frames = [case.encode(array) for array in arrays]
    right = [case.decode(frame, raw=True) for frame in frames]
    module = {**module_of(case), "frames": 5}
    source = encapsulated_file([frames[0], b"", frames[2]], case.syntax.uid, **module)
    with pytest.raises(dt.DecodeError) as caught:
        dt.decode(source, raw=True)
    assert caught.value.frame in (1, 3)

    for status in (np.full(5, 99, np.uint8), np.full(10, 99, np.uint8)[::2]):
        with pytest.warns(dt.DecodeWarning) as told:
            found = dt.decode(source, raw=True, on_error="salvage", fill_value=1, status=status)
        status_words = dt.FrameStatus
        assert status.tolist() == [status_words.OK, status_words.FAILED, status_words.OK, 2, 2]
        warning = next(w.message for w in told if w.message.status is not None)
        assert warning.status.tolist() == status.tolist()
        assert sorted(warning.errors) == [1, 3, 4]
        assert warning.errors[3].code == "missing_frame"
        assert warning.errors[1].frame == 1
        assert found.shape == (5, *case.shape)
        np.testing.assert_array_equal(found[0], right[0])
        np.testing.assert_array_equal(found[2], right[2])
        assert (found[[1, 3, 4]] == 1).all()


@every_encapsulated_case
def test_the_error_is_that_of_the_lowest_frame_with_any_threads(case):
    good = case.encode(case.array())
    frames = [good] * 12
    frames[4] = frames[5] = frames[11] = b"\1\2\3\4"
    source = encapsulated_file(frames, case.syntax.uid, **module_of(case), table=True)
    for threads in (1, 2, 8):
        with pytest.raises(dt.DecodeError) as caught:
            dt.decode(source, raw=True, threads=threads)
        assert caught.value.frame == 4


@every_encapsulated_case
def test_fill_values_are_clamped_never_wrapped(case):
    source = encapsulated_file([b"", b""], case.syntax.uid, **module_of(case), table=True)
    info = np.iinfo(case.dtype)
    exact = info.bits < 64
    for value, stored in ((1e30, info.max), (-1e30, info.min), (float("nan"), 0), (float("inf"), info.max), (3.7, 3)):
        with pytest.warns(dt.DecodeWarning):
            found = dt.decode(source, raw=True, on_error="salvage", fill_value=value)
        assert (found == stored).all() or not exact, value
