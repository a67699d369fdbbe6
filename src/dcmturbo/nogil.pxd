# The C interface of dcmturbo's core for Cython: `from dcmturbo cimport nogil`. Nothing has to be linked: `nogil.api()`
# returns the table of functions of csrc/dcmturbo_capsule.h, all of which run without the GIL. The structs are those of
# csrc/dcmturbo.h, which describes them and the functions. Fill every struct with 0 (memset), then set its `size` if it
# has one: without it, an error has no message.
#
# A function that can fail returns 0 or a code: `dcmturbo.nogil.error_of` says in Python what it means, and
# `error.message` says more. `error.offset` is UINT64_MAX if no byte is to blame. `encode_bound` returns how large the
# memory for each encoded frame has to be, and 0 if the core has no encoder of its own. Strides are in bytes.

from cpython.pycapsule cimport PyCapsule_Import
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef struct dcmturbo_error:
    uint32_t size
    int32_t code
    uint64_t offset
    int64_t frame
    char[480] message
    uint8_t states_whole
    uint16_t whole_resolutions
    uint16_t whole_layers

ctypedef struct dcmturbo_bytes:
    const uint8_t* data
    size_t size

ctypedef struct dcmturbo_attributes:
    uint32_t size
    uint32_t rows
    uint32_t columns
    uint16_t samples_per_pixel
    uint16_t bits_allocated
    uint16_t bits_stored
    uint8_t pixel_representation
    uint8_t planar_configuration
    uint8_t photometric
    uint8_t keyword
    uint8_t big_endian
    uint8_t words_swapped

ctypedef struct dcmturbo_format:
    uint32_t size
    uint32_t rows
    uint32_t columns
    uint16_t samples_per_pixel
    uint8_t type
    uint8_t significant_bits
    uint8_t sign_extend
    uint8_t colour
    uint8_t photometric
    uint8_t reduce
    uint32_t notes

ctypedef struct dcmturbo_region:
    uint32_t top
    uint32_t left
    uint32_t height
    uint32_t width

ctypedef struct dcmturbo_request:
    uint32_t size
    uint8_t raw
    uint8_t keep_unused_bits
    uint8_t reduce
    dcmturbo_region region

ctypedef struct dcmturbo_image:
    void* base
    ptrdiff_t row_stride
    ptrdiff_t pixel_stride
    ptrdiff_t sample_stride

ctypedef struct dcmturbo_api:
    uint32_t size
    uint32_t version
    uint32_t (*abi_version)() noexcept nogil
    void* get_settings
    void* set_settings
    void* isa_name
    void* isa_available
    uint32_t (*default_threads)() noexcept nogil
    void* output_allocate
    void* output_free
    void* set_output_cache
    void* output_cache
    void* transfer_syntax_count
    void* transfer_syntax_at
    uint8_t (*photometric_from_name)(const char* name) noexcept nogil
    const char* (*photometric_name)(uint8_t photometric) noexcept nogil
    void* probe
    void* check
    void* header_free
    int32_t (*frame_format)(const char* transfer_syntax, const dcmturbo_attributes* attributes, const void* header,
                            const dcmturbo_request* request, dcmturbo_format* format,
                            dcmturbo_error* error) noexcept nogil
    int32_t (*check_limits)(const dcmturbo_format* format, uint64_t frames, dcmturbo_error* error) noexcept nogil
    int32_t (*decode_frame)(const char* transfer_syntax, const dcmturbo_bytes* fragments, size_t fragment_count,
                            const dcmturbo_attributes* attributes, dcmturbo_format* format,
                            const dcmturbo_request* request, const dcmturbo_image* image, uint32_t threads,
                            int32_t salvage, double fill_value, uint8_t* status, dcmturbo_error* error) noexcept nogil
    void* component_at
    void* decode_components
    void* finish_frame
    uint64_t (*encode_bound)(const char* transfer_syntax, const dcmturbo_attributes* attributes) noexcept nogil
    int32_t (*encode_frame)(const char* transfer_syntax, const dcmturbo_image* image,
                            const dcmturbo_attributes* attributes, const void* options, size_t option_count,
                            uint8_t* to, size_t capacity, size_t* written, dcmturbo_error* error) noexcept nogil

cdef inline const dcmturbo_api* api() except NULL:
    """Return the table of functions."""
    cdef const dcmturbo_api* table = <const dcmturbo_api*> PyCapsule_Import("dcmturbo._core._C_API", 0)
    if table == NULL:
        return NULL
    if table.version != 2:
        raise ImportError(f"dcmturbo's core has version {table.version} of its C interface; expected 2")
    return table
