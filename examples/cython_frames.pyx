# Decode frames of int16 in Cython without the GIL. docs/compiled-code.md has the setup.py that compiles it. Nothing has
# to be linked.
from libc.stdint cimport int16_t, int64_t, uint8_t
from libc.string cimport memset

from dcmturbo cimport nogil as core_api


cdef api void squares(const int16_t* samples, float* results, Py_ssize_t rows, Py_ssize_t columns,
                      Py_ssize_t samples_per_pixel) noexcept nogil:
    """For dt.decode(..., apply=nogil.FrameFunction(cython_frames.__pyx_capi__["squares"], "int16", "float32"))."""
    cdef Py_ssize_t i
    for i in range(rows * columns * samples_per_pixel):
        results[i] = <float>samples[i] * samples[i]


def decode_all(bytes transfer_syntax, const uint8_t[::1] data, const int64_t[::1] offsets, int16_t[:, :, ::1] out):
    """Decode the frames that lie one after the other in data."""
    cdef const core_api.dcmturbo_api* core = core_api.api()
    cdef const char* syntax = transfer_syntax
    cdef core_api.dcmturbo_attributes attributes
    cdef core_api.dcmturbo_format form
    cdef core_api.dcmturbo_request request
    cdef core_api.dcmturbo_image image
    cdef core_api.dcmturbo_bytes encoded
    cdef core_api.dcmturbo_error error
    cdef Py_ssize_t k = 0
    cdef int code = 0
    memset(&attributes, 0, sizeof(attributes))
    memset(&form, 0, sizeof(form))
    memset(&request, 0, sizeof(request))
    memset(&error, 0, sizeof(error))
    attributes.size, form.size = sizeof(attributes), sizeof(form)
    request.size, error.size = sizeof(request), sizeof(error)
    attributes.rows, attributes.columns = out.shape[1], out.shape[2]
    attributes.samples_per_pixel = 1
    attributes.bits_allocated = attributes.bits_stored = 16
    attributes.pixel_representation = 1
    attributes.photometric = core.photometric_from_name(b"MONOCHROME2")
    image.row_stride, image.pixel_stride, image.sample_stride = out.strides[1], out.strides[2], out.strides[2]
    with nogil:
        code = core.frame_format(syntax, &attributes, NULL, &request, &form, &error)
        while code == 0 and k < out.shape[0]:
            encoded.data, encoded.size = &data[offsets[k]], offsets[k + 1] - offsets[k]
            image.base = &out[k, 0, 0]
            code = core.decode_frame(syntax, &encoded, 1, &attributes, &form, &request, &image, 1, 0, 0.0, NULL, &error)
            k += 1
    if code != 0:
        raise ValueError(f"frame {k - 1}: {error.message.decode()}")
