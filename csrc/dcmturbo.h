/* The C ABI of dcmturbo's core. The Python bindings and the fuzz targets stand on it; it is exported once, as the
 * capsule `dcmturbo._core._C_API`, so that other extension modules share the process's one pool of threads.
 *
 * Every struct begins with its size, which the caller sets: fields are only ever appended. Every function
 * that can fail returns a code (DCMTURBO_OK is 0) and fills the error; none throws, prints or aborts.
 * Handles are freed by the function named beside them. All functions may be called from any thread, with
 * or without Python's lock; a handle may be used by several threads at once, but not freed meanwhile. */
#ifndef DCMTURBO_H
#define DCMTURBO_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DCMTURBO_API __attribute__((visibility("default")))
#else
#define DCMTURBO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DCMTURBO_ABI_VERSION 2
#define DCMTURBO_OK 0
#define DCMTURBO_NO_OFFSET UINT64_MAX

/* Status of a frame. */
enum { DCMTURBO_FRAME_OK = 0, DCMTURBO_FRAME_PARTIAL = 1, DCMTURBO_FRAME_MISSING = 2, DCMTURBO_FRAME_FAILED = 3 };

typedef struct dcmturbo_error {
    uint32_t size;
    int32_t code;    /* base/error.h, ErrorCode */
    uint64_t offset; /* byte within the frame or file; DCMTURBO_NO_OFFSET if none */
    int64_t frame;   /* position in the batch; -1 if none */
    char message[480];
} dcmturbo_error;

typedef struct dcmturbo_bytes {
    const uint8_t* data;
    size_t size;
} dcmturbo_bytes;

/* ---- settings of the process ------------------------------------------------------------------ */

typedef struct dcmturbo_settings {
    uint32_t size;
    uint32_t threads;       /* of a call that does not say; 0: as many as this process may use */
    uint8_t isa;            /* cpu/features.h, Isa */
    uint64_t max_pixels;    /* rows x columns of a frame */
    uint64_t max_output;    /* bytes of a result */
    uint64_t max_scratch;   /* bytes of one worker's scratch memory */
    uint8_t prefer_library; /* decode with a library where there is one */
} dcmturbo_settings;

DCMTURBO_API uint32_t dcmturbo_abi_version(void);
DCMTURBO_API void dcmturbo_get_settings(dcmturbo_settings* settings);
DCMTURBO_API int32_t dcmturbo_set_settings(const dcmturbo_settings* settings, dcmturbo_error* error);
DCMTURBO_API const char* dcmturbo_isa_name(uint8_t isa); /* null past the last */
DCMTURBO_API int32_t dcmturbo_isa_available(uint8_t isa);
DCMTURBO_API uint32_t dcmturbo_default_threads(void); /* min of CPU affinity and cgroup quota */
/* Bytes that this process may use: the machine's memory, or less where its control groups say so. */
DCMTURBO_API uint64_t dcmturbo_memory_limit(void);

/* Whom to ask whether a call is to end early: on the thread that made it, every 50 ms at most, without locks. Any other
 * answer than 0 ends the call: it frees what it holds and returns DCMTURBO_INTERRUPTED. Null: nobody. */
#define DCMTURBO_INTERRUPTED 15
DCMTURBO_API void dcmturbo_set_interrupt(int32_t (*ask)(void));

/* Memory for results of a mebibyte and more: kept for the next result when it is given back, up to a cap in
 * bytes. NULL where there is none. Free it with the size that it was asked for with. */
DCMTURBO_API void* dcmturbo_output_allocate(size_t size);
DCMTURBO_API void dcmturbo_output_free(void* block, size_t size);
DCMTURBO_API void dcmturbo_set_output_cache(uint64_t bytes);
DCMTURBO_API uint64_t dcmturbo_output_cache(void);

/* ---- formats and transfer syntaxes ------------------------------------------------------------ */

/* What a format of encoded frames is: a row of codecs/formats.h, where each field is explained. */
typedef struct dcmturbo_format_row {
    uint32_t size;
    const char* name; /* "jpeg_lossless": what a codestream's header says that it is */
    const char* title;
    const char* family;
    const char* frame_start; /* a grouping of dcmturbo_layout: "codestream", "rle", "size", "one_fragment" */
    const char* single_bits; /* "none", "held", "rarely_read" */
    const char* sign;        /* "in_cells", "unsigned_only", "none", "stated", "stated_unsigned" */
    const char* loss;        /* "never", "possible", "always" */
    const char* lossy_method;
    uint8_t of_rgb, of_rgb_with_loss; /* base/pixel_attributes.h, Photometric */
    uint32_t colours;                 /* bit n: Photometric n */
    uint8_t least_precision, most_precision, most_samples;
    uint8_t has_header, is_recognised, container_allowed, keeps_all_bits, stored_in_planes, has_grid,
        has_resolution_levels;
    uint8_t has_components, exact, holds_native_frames, is_deflated, holds_float;
    uint8_t own;             /* the core decodes it */
    uint8_t library;         /* a library decodes it */
    uint8_t own_encodes;     /* the core encodes it */
    uint8_t library_encodes; /* a library encodes it */
} dcmturbo_format_row;

DCMTURBO_API size_t dcmturbo_format_count(void);
DCMTURBO_API int32_t dcmturbo_format_at(size_t i, dcmturbo_format_row* row);

typedef struct dcmturbo_transfer_syntax {
    uint32_t size;
    const char* uid;
    const char* keyword;
    const char* name;
    const char* family; /* of its format's row */
    uint8_t encapsulated;
    uint8_t lossless_only;   /* the label promises that nothing was lost */
    uint8_t own;             /* the core decodes it */
    uint8_t library;         /* a library decodes it */
    uint8_t encodes;         /* the core encodes it */
    uint8_t library_encodes; /* a library encodes it */
    uint8_t retired;
    uint8_t general;       /* the one of its format whose label promises least */
    const char* format;    /* the name of a row: what the label says that the frames are */
    const char* made_from; /* frames are codestreams of this format made smaller, and give them back; else "" */
    const char* dataset;   /* "explicit_little", "implicit_little", "explicit_big", "deflated" */
} dcmturbo_transfer_syntax;

DCMTURBO_API size_t dcmturbo_transfer_syntax_count(void);
DCMTURBO_API int32_t dcmturbo_transfer_syntax_at(size_t i, dcmturbo_transfer_syntax* syntax);

/* Who encodes a transfer syntax with the settings of the process: 0 nobody, 1 the core, 2 a library; 0 of an unknown
 * one. */
DCMTURBO_API uint8_t dcmturbo_encoder_of(const char* transfer_syntax);
/* ---- options of codecs -------------------------------------------------------------------------- */

/* The type of an option or of a value. An integer also stands for a number. */
enum {
    DCMTURBO_FLAG = 0, /* number is 0 or 1 */
    DCMTURBO_INTEGER = 1,
    DCMTURBO_NUMBER = 2,
    DCMTURBO_TEXT = 3,
    DCMTURBO_NONE = 4, /* of a value: as if it were not given */
    DCMTURBO_OTHER = 5 /* of a value: no option takes it; text shows it in the message */
};

/* What a codec can be asked for. */
typedef struct dcmturbo_option {
    uint32_t size;
    const char* name;
    const char* meaning; /* one sentence */
    uint8_t type;        /* DCMTURBO_TEXT: one of the words */
    uint8_t has_default;
    double lowest, highest;   /* of an integer or a number; INFINITY: no bound */
    double default_value;     /* DCMTURBO_TEXT: the place of its word */
    double loses_from;        /* values from this one on lose information; INFINITY: none does, -INFINITY: any does */
    const char* const* words; /* an integer or a number may have words that stand instead of it */
    size_t word_count;
    uint8_t bounds_error; /* no decoded sample differs from the original by more than the value */
    char allowed[160];    /* which values are allowed, for people */
} dcmturbo_option;

typedef struct dcmturbo_option_value {
    const char* name;
    uint8_t type;
    double number;
    const char* text;
} dcmturbo_option_value;

/* The options of encoding in a transfer syntax. prefer_library: 1 for the library's encoder where there is one, 0 for
 * the core's, -1 as the settings say. Fails past the last. */
DCMTURBO_API int32_t dcmturbo_encode_option_at(const char* transfer_syntax, int32_t prefer_library, size_t i,
                                               dcmturbo_option* option, dcmturbo_error* error);
/* Checks values for encoding, and says whether they ask for loss. (Some formats always lose: see their row.) */
DCMTURBO_API int32_t dcmturbo_check_encode_options(const char* transfer_syntax, int32_t prefer_library,
                                                   const dcmturbo_option_value* values, size_t count, uint8_t* loses,
                                                   dcmturbo_error* error);

/* The options of decoding, of all codecs. Their values hold for the whole process. Fails past the last. */
DCMTURBO_API int32_t dcmturbo_decode_option_at(size_t i, dcmturbo_option* option, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_set_decode_option(const dcmturbo_option_value* value, dcmturbo_error* error);
/* The value that holds: the one that was set, or the default. */
DCMTURBO_API int32_t dcmturbo_get_decode_option(const char* name, dcmturbo_option_value* value, dcmturbo_error* error);

/* ---- images ------------------------------------------------------------------------------------ */

/* The dataset's side: the Image Pixel module. photometric is base/pixel_attributes.h, Photometric. */
typedef struct dcmturbo_attributes {
    uint32_t size;
    uint32_t rows, columns;
    uint16_t samples_per_pixel, bits_allocated, bits_stored;
    uint8_t pixel_representation, planar_configuration, photometric, keyword, big_endian, words_swapped;
} dcmturbo_attributes;

/* What a decoded frame is. type is base/component.h, SampleType. */
typedef struct dcmturbo_format {
    uint32_t size;
    uint32_t rows, columns;
    uint16_t samples_per_pixel;
    uint8_t type, significant_bits, sign_extend, colour, photometric;
    uint32_t notes; /* codecs/frame_format.h, FormatNote; codecs/codec.h, DecodeNote */
} dcmturbo_format;

/* Pixel (r, c), sample s of frame 0 lies at base + r * row_stride + c * pixel_stride + s * sample_stride. */
typedef struct dcmturbo_image {
    void* base;
    ptrdiff_t row_stride, pixel_stride, sample_stride;
} dcmturbo_image;

DCMTURBO_API uint8_t dcmturbo_photometric_from_name(const char* name);
DCMTURBO_API const char* dcmturbo_photometric_name(uint8_t photometric);

/* A codestream's header, as an opaque handle (base/component.h, Header). */
typedef struct dcmturbo_header dcmturbo_header;
DCMTURBO_API int32_t dcmturbo_probe(dcmturbo_bytes data, dcmturbo_header** header, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_check(dcmturbo_bytes data, const dcmturbo_header* header, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_header_free(dcmturbo_header* header);
/* Whether the codestream is all that the label of a transfer syntax promises, so that it can stand under it as it is.
 */
DCMTURBO_API int32_t dcmturbo_keeps_promises(const char* transfer_syntax, const dcmturbo_header* header);
/* The format of a frame by its first bytes, as an index of dcmturbo_format_at: of a signature, or of an RLE header. 0,
 * "unknown", for everything else. */
DCMTURBO_API size_t dcmturbo_recognise(dcmturbo_bytes data);

/* A part of a frame. A height of 0 stands for the whole frame. */
typedef struct dcmturbo_region {
    uint32_t top, left, height, width;
} dcmturbo_region;

/* What is wanted of a frame. */
typedef struct dcmturbo_request {
    uint32_t size;
    uint8_t raw;              /* no colour conversion */
    uint8_t keep_unused_bits; /* cells as they are stored */
    uint8_t reduce;           /* resolution levels to discard (JPEG 2000 only) */
    dcmturbo_region region;   /* pixels of the frame after reduce; an image holds only these */
} dcmturbo_request;

/* header may be null. The format is that of the whole frame after reduce: ceil(rows / 2^reduce) rows and
 * ceil(columns / 2^reduce) columns. */
DCMTURBO_API int32_t dcmturbo_frame_format(const char* transfer_syntax, const dcmturbo_attributes* attributes,
                                           const dcmturbo_header* header, const dcmturbo_request* request,
                                           dcmturbo_format* format, dcmturbo_error* error);

/* How `bytes` bytes of native data that hold `frames` frames are to be read, where their length contradicts the
 * photometric interpretation of the attributes: returns what it is in fact, and writes the notes. */
DCMTURBO_API int32_t dcmturbo_native_reading(const dcmturbo_attributes* attributes, uint64_t bytes, uint64_t frames,
                                             uint8_t* photometric, uint32_t* notes, dcmturbo_error* error);

/* Whether the settings allow `frames` such frames. */
DCMTURBO_API int32_t dcmturbo_check_limits(const dcmturbo_format* format, uint64_t frames, dcmturbo_error* error);
/* The same, and that `held` encoded bytes are not far too few for a large result. */
DCMTURBO_API int32_t dcmturbo_check_held(const char* transfer_syntax, const dcmturbo_format* format, uint64_t frames,
                                         uint64_t held, dcmturbo_error* error);

/* ---- one frame --------------------------------------------------------------------------------- */

/* Decodes one frame. With salvage, status says how much of the
 * frame is valid and fill_value stands in the rest. The notes of the format are those of this frame then. */
DCMTURBO_API int32_t dcmturbo_decode_frame(const char* transfer_syntax, const dcmturbo_bytes* fragments,
                                           size_t fragment_count, const dcmturbo_attributes* attributes,
                                           dcmturbo_format* format, const dcmturbo_request* request,
                                           const dcmturbo_image* image, uint32_t threads, int32_t salvage,
                                           double fill_value, uint8_t* status, dcmturbo_error* error);

/* The last step for a decoder outside the core: samples of the format's type at `from` become the
 * image, with bit correction and colour conversion. from and image may be the same memory. */
DCMTURBO_API int32_t dcmturbo_finish_frame(const dcmturbo_image* from, const dcmturbo_format* format,
                                           const dcmturbo_image* image, dcmturbo_error* error);

/* What the request wants of component i of a codestream. type is base/component.h, SampleType: the smallest integer
 * that holds its precision and sign. The region counts samples of the component that has most; a component with fewer
 * gives all that lie in it in part. */
typedef struct dcmturbo_component {
    uint32_t size;
    uint32_t width, height;
    uint8_t type;
} dcmturbo_component;

DCMTURBO_API int32_t dcmturbo_component_at(const dcmturbo_header* header, size_t i, const dcmturbo_request* request,
                                           dcmturbo_component* component, dcmturbo_error* error);

/* The components of a codestream that dcmturbo_probe has read, each at its own size: component i, as
 * dcmturbo_component_at describes it, goes to images[i]. With salvage, damaged data give what they hold. `notes`
 * receives codecs/codec.h, DecodeNote, and note_excess_data; it may be null. */
DCMTURBO_API int32_t dcmturbo_decode_components(dcmturbo_bytes data, const dcmturbo_header* header,
                                                const dcmturbo_image* images, size_t count,
                                                const dcmturbo_request* request, uint32_t threads, int32_t salvage,
                                                uint8_t* status, uint32_t* notes, dcmturbo_error* error);

/* Decodes formats that the core has no codec for, or that settings.prefer_library takes from it: writes the samples as
 * they are coded to the image, in cells of the format's type. A Deflated Image Frame's format is a row of bytes, for
 * what is inflated. Called from any thread, without locks. Returns DCMTURBO_OK, or a code with the error filled. */
typedef int32_t (*dcmturbo_library)(dcmturbo_bytes data, const dcmturbo_header* header, const dcmturbo_format* format,
                                    const dcmturbo_image* image, dcmturbo_error* error);
/* Gives the JPEG that a JPEG XL stream was made from to take(taker, bytes), once. */
typedef int32_t (*dcmturbo_library_unwrap)(dcmturbo_bytes data, void (*take)(void* taker, dcmturbo_bytes jpeg),
                                           void* taker, dcmturbo_error* error);
/* Both for the process; null for none. */
DCMTURBO_API void dcmturbo_set_library(dcmturbo_library decode, dcmturbo_library_unwrap jpeg_of_jpegxl);

DCMTURBO_API uint64_t dcmturbo_encode_bound(const char* transfer_syntax, const dcmturbo_attributes* attributes);
/* By the core's own encoder, with values of its options. */
DCMTURBO_API int32_t dcmturbo_encode_frame(const char* transfer_syntax, const dcmturbo_image* image,
                                           const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                                           size_t option_count, uint8_t* to, size_t capacity, size_t* written,
                                           dcmturbo_error* error);

/* Encodes frames with a library, as `request` says: what that is, its caller and its writer agree about. Gives the
 * bytes to take(taker, bytes), once. Called from any thread, without locks. Returns DCMTURBO_OK, or a code with the
 * error filled. */
typedef int32_t (*dcmturbo_library_encode)(const void* request, const dcmturbo_image* image,
                                           const dcmturbo_attributes* attributes,
                                           void (*take)(void* taker, dcmturbo_bytes encoded), void* taker,
                                           dcmturbo_error* error);
typedef struct dcmturbo_library_encoder {
    dcmturbo_library_encode encode;
    const void* request;
} dcmturbo_library_encoder;

/* Encodes `count` frames on up to `threads` workers (0: the default), the caller one of them; a single frame is shared
 * among them, where its codec can do so. The bytes are the same with any number of threads. `library`: who encodes;
 * null for the core itself. take(context, frame, bytes) hears of each frame, on any worker, and returns DCMTURBO_OK or
 * the code of why it could not take it. Stops at a failure, and returns the error of the lowest frame that fails. */
DCMTURBO_API int32_t dcmturbo_encode_frames(const char* transfer_syntax, const dcmturbo_image* images, size_t count,
                                            const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                                            size_t option_count, const dcmturbo_library_encoder* library,
                                            uint32_t threads,
                                            int32_t (*take)(void* context, size_t frame, dcmturbo_bytes encoded),
                                            void* context, dcmturbo_error* error);

/* ---- sources, datasets, frame indexes ---------------------------------------------------------- */

typedef struct dcmturbo_source dcmturbo_source;
/* Returns the number of bytes read, fewer than size only at the end, or a negative number. */
typedef int64_t (*dcmturbo_read)(void* context, uint64_t offset, void* to, size_t size);
DCMTURBO_API int32_t dcmturbo_source_file(const char* path, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_buffer(dcmturbo_bytes bytes, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_callback(dcmturbo_read read, void* context, uint64_t size,
                                              dcmturbo_source** source, dcmturbo_error* error);
/* An open regular file: the source has a descriptor of its own, and reads without moving a position. */
DCMTURBO_API int32_t dcmturbo_source_descriptor(int32_t descriptor, dcmturbo_source** source, dcmturbo_error* error);
/* Four bytes in the place of others. */
typedef struct dcmturbo_patch {
    uint64_t offset;
    uint8_t bytes[4];
} dcmturbo_patch;
/* Another source with some bytes replaced. That source must outlive it. */
DCMTURBO_API int32_t dcmturbo_source_patched(const dcmturbo_source* inner, const dcmturbo_patch* patches, size_t count,
                                             dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_source_free(dcmturbo_source* source);

/* The fields of dicom/dataset.h, behind a handle. */
typedef struct dcmturbo_dataset dcmturbo_dataset;
/* flags: 1 bare dataset, 2 implicit VR, 4 big endian (the last two for a bare dataset). */
DCMTURBO_API int32_t dcmturbo_scan(const dcmturbo_source* source, uint32_t flags, dcmturbo_dataset** dataset,
                                   dcmturbo_error* error);
DCMTURBO_API void dcmturbo_dataset_free(dcmturbo_dataset* dataset);

typedef struct dcmturbo_element {
    uint32_t size;
    uint32_t tag;
    char vr[4]; /* empty for implicit VR */
    int32_t undefined_length;
    uint64_t begin, value, end; /* of the header, of the value, behind it */
} dcmturbo_element;

/* Reports every element of the top level from `offset` on, in order; flags as in dcmturbo_scan. `end`: where they end,
   which is the size of the source unless what follows is no element. */
DCMTURBO_API int32_t dcmturbo_list_elements(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                                            void (*report)(void* context, const dcmturbo_element* element),
                                            void* context, uint64_t* end, dcmturbo_error* error);

typedef struct dcmturbo_layout {
    uint32_t size;
    uint8_t encapsulated;
    uint8_t
        grouping; /* encapsulated, what shows where a frame begins: 0 markers, 1 nothing, 2 RLE headers, 3 its size */
    uint8_t undefined_length;
    uint8_t word_bytes;        /* native: 2 for 8-bit cells in big endian words */
    uint64_t offset, length;   /* of the pixel data's value */
    uint64_t frame_bits;       /* native */
    uint64_t unit_bytes;       /* encapsulated, grouping 2: what a segment decodes to; 3: a frame; 0: unknown */
    uint64_t number_of_frames; /* as given; 0: unknown */
    uint64_t extended_offset, extended_offset_length; /* Extended Offset Table: in the source, */
    uint64_t extended_lengths, extended_lengths_length;
    dcmturbo_bytes extended_offset_bytes, extended_length_bytes; /* or in memory */
} dcmturbo_layout;

typedef struct dcmturbo_index dcmturbo_index;
/* The source must outlive the index. */
DCMTURBO_API int32_t dcmturbo_index_create(const dcmturbo_source* source, const dcmturbo_layout* layout,
                                           dcmturbo_index** index, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_index_free(dcmturbo_index* index);
/* Of a far source without an offset table, the first call reads the headers of all items. */
DCMTURBO_API int32_t dcmturbo_index_frame_count(const dcmturbo_index* index, uint64_t* count, dcmturbo_error* error);
/* Where the frame lies in the source, in order. *count is how many ranges there are; at most `capacity` are
 * stored. first_bit is not 0 only for native frames that begin within a byte or word. */
typedef struct dcmturbo_range {
    uint64_t offset, size;
} dcmturbo_range;
DCMTURBO_API int32_t dcmturbo_index_frame(const dcmturbo_index* index, uint64_t frame, dcmturbo_range* ranges,
                                          size_t capacity, size_t* count, uint32_t* first_bit, dcmturbo_error* error);
/* Reads the bytes of those ranges into `to`. */
DCMTURBO_API int32_t dcmturbo_index_read_frame(const dcmturbo_index* index, uint64_t frame, uint8_t* to,
                                               size_t capacity, dcmturbo_error* error);

/* ---- many frames ------------------------------------------------------------------------------- */

typedef struct dcmturbo_job {
    const dcmturbo_index* index;
    uint64_t frame;
    uint32_t stream; /* which of the streams below this frame belongs to */
    void* base;      /* where its pixel (0, 0) goes */
} dcmturbo_job;

typedef struct dcmturbo_stream {
    uint32_t size;
    const char* transfer_syntax;
    dcmturbo_attributes attributes;
    dcmturbo_format format; /* of every frame; colour and correction may differ where a frame has a header */
    dcmturbo_request request;
    uint32_t* notes; /* receives those of all frames, or-ed; may be null */
    ptrdiff_t row_stride, pixel_stride, sample_stride;
} dcmturbo_stream;

/* Called for each frame that is not OK, in the order of the jobs, from the calling thread. */
typedef void (*dcmturbo_report)(void* context, size_t job, uint8_t status, const dcmturbo_error* error);

/* Decodes all jobs on up to `threads` workers (0: the default), the caller one of them. Without salvage it
 * stops at a failure and returns the error of the lowest job that fails, whatever the number of threads.
 * status has a byte a job, or is null. */
DCMTURBO_API int32_t dcmturbo_decode_frames(const dcmturbo_job* jobs, size_t job_count, const dcmturbo_stream* streams,
                                            size_t stream_count, uint32_t threads, int32_t salvage, double fill_value,
                                            uint8_t* status, dcmturbo_report report, void* report_context,
                                            dcmturbo_error* error);

/* ---- frames on their way into another transfer syntax ------------------------------------------- */

/* What becomes of a frame's cells: nothing (the target is native, or only they are wanted), or they are encoded. Of a
 * copy, the library turns the bytes of the frame (8-bit cells of one row) into those of the result. */
enum { DCMTURBO_ONLY_DECODE = 0, DCMTURBO_ENCODE = 1, DCMTURBO_COPY = 2 };
/* Flags of a plan. */
enum {
    DCMTURBO_VERIFY = 1,            /* decode what has been encoded, and compare */
    DCMTURBO_LOSES = 2,             /* the two may differ: by how much is measured */
    DCMTURBO_MASK = 4,              /* overwrite the bits above Bits Stored before encoding */
    DCMTURBO_MEASURE_BITS = 8,      /* how many bits the samples need */
    DCMTURBO_COMPARE_READINGS = 16, /* also as a reader decodes them by default */
    DCMTURBO_BYTES_ONLY = 32        /* of DCMTURBO_COPY: neither decode nor compare */
};

typedef struct dcmturbo_transcode_plan {
    uint32_t size;
    const dcmturbo_index* index;
    uint64_t frames;
    dcmturbo_stream source; /* the strides and the notes are not used, nor are reduce and region */
    dcmturbo_stream result; /* decodes it; its transfer syntax is the target, or null: nothing becomes of the cells */
    uint8_t action;
    const dcmturbo_option_value* options; /* of the core's own encoder; copied */
    size_t option_count;
    const dcmturbo_library_encoder* library; /* copied; what it refers to outlives the work */
    uint32_t flags;
    uint32_t most_bits;  /* that a sample may need; 0: they are not counted */
    uint8_t photometric; /* of what each frame decodes to; the value of no name: it is not looked at */
    uint32_t threads;
} dcmturbo_transcode_plan;

/* How far a frame came; 1, 4 and 5 have a code. */
enum {
    DCMTURBO_STAGE_DONE = 0,
    DCMTURBO_STAGE_SOURCE = 1,      /* it cannot be decoded */
    DCMTURBO_STAGE_PHOTOMETRIC = 2, /* it is of other colours than the plan says */
    DCMTURBO_STAGE_BITS = 3,        /* its samples need more than most_bits */
    DCMTURBO_STAGE_ENCODING = 4,    /* it cannot be encoded, or copied */
    DCMTURBO_STAGE_RESULT = 5,      /* what it became cannot be decoded */
    DCMTURBO_STAGE_CELLS = 6,       /* that decodes to other cells */
    DCMTURBO_STAGE_READING = 7      /* that has the same cells, which mean something else there */
};

/* One frame. Whoever takes a block gives it to dcmturbo_transcoded_free, with its size. */
typedef struct dcmturbo_transcoded {
    uint32_t size;
    uint8_t stage;
    uint8_t photometric; /* of what it decodes to */
    uint32_t bits;
    const void* asked; /* the pixels or bytes that the library was asked to encode; never to be read */
    void* cells;
    size_t cells_size;
    void* encoded;
    size_t encoded_size;
    double maximum, total, squares; /* of the absolute differences of the samples */
    uint64_t samples;
} dcmturbo_transcoded;

typedef struct dcmturbo_transcoding dcmturbo_transcoding; /* gives the frames in order, while workers are at others */
DCMTURBO_API int32_t dcmturbo_transcode(const dcmturbo_transcode_plan* plan, dcmturbo_transcoding** transcoding,
                                        dcmturbo_error* error);
/* The next frame; *is_there is 0 when all have been given. The code is of the call; `why` has the frame's. */
DCMTURBO_API int32_t dcmturbo_transcode_next(dcmturbo_transcoding* transcoding, dcmturbo_transcoded* frame,
                                             int32_t* is_there, dcmturbo_error* why, dcmturbo_error* error);
/* Notes of both sides' decoded frames. Freeing waits for the workers: not with Python's lock, they may want it. */
DCMTURBO_API void dcmturbo_transcode_notes(const dcmturbo_transcoding* transcoding, uint32_t* source, uint32_t* result);
DCMTURBO_API void dcmturbo_transcode_free(dcmturbo_transcoding* transcoding);
DCMTURBO_API void dcmturbo_transcoded_free(void* block, size_t size);

/* Runs body(context, i) for every i below count on up to `threads` workers. */
DCMTURBO_API void dcmturbo_parallel_for(size_t count, uint32_t threads, void (*body)(void* context, size_t i),
                                        void* context);

#ifdef __cplusplus
}
#endif

#endif
