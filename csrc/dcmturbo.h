/* The C ABI of dcmturbo's core. The Python bindings and the fuzz targets use it. The capsule
 * `dcmturbo._core._C_API` exports it, so other extension modules can share the one thread pool of the process.
 *
 * Every struct begins with its size, which the caller sets. New fields are only added at the end. Every function
 * that can fail returns a code (DCMTURBO_OK is 0) and fills the error. No function throws, prints or aborts. Each
 * handle is freed by the function that is declared next to it. All functions may be called from any thread, with or
 * without the GIL. Several threads may use a handle at the same time, but none may use it while it is freed. */
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
    uint64_t offset; /* byte in the frame or file; DCMTURBO_NO_OFFSET if unknown */
    int64_t frame;   /* index of the frame in the batch; -1 if none */
    char message[480];
    uint8_t states_whole;       /* the next two are known: of JPEG 2000 whose data end early */
    uint16_t whole_resolutions; /* that are there in full, from the lowest */
    uint16_t whole_layers;      /* of the resolutions that were decoded */
} dcmturbo_error;

typedef struct dcmturbo_bytes {
    const uint8_t* data;
    size_t size;
} dcmturbo_bytes;

/* ---- settings of the process ------------------------------------------------------------------ */

typedef struct dcmturbo_settings {
    uint32_t size;
    uint32_t threads;       /* of a call that sets no number; 0: as many as this process may use */
    uint8_t isa;            /* cpu/features.h, Isa */
    uint64_t max_pixels;    /* largest rows x columns of a frame */
    uint64_t max_output;    /* largest number of bytes of a result */
    uint64_t max_scratch;   /* largest number of bytes of a worker's scratch memory */
    uint8_t prefer_library; /* use a library where both it and the core have a codec */
} dcmturbo_settings;

DCMTURBO_API uint32_t dcmturbo_abi_version(void);
DCMTURBO_API void dcmturbo_get_settings(dcmturbo_settings* settings);
DCMTURBO_API int32_t dcmturbo_set_settings(const dcmturbo_settings* settings, dcmturbo_error* error);
DCMTURBO_API const char* dcmturbo_isa_name(uint8_t isa); /* null if isa is not the number of an instruction set */
DCMTURBO_API int32_t dcmturbo_isa_available(uint8_t isa);
DCMTURBO_API uint32_t dcmturbo_default_threads(void); /* the smaller of CPU affinity and cgroup quota */
/* The number of bytes that this process may use: the memory of the machine, or less if its control groups limit it. */
DCMTURBO_API uint64_t dcmturbo_memory_limit(void);

/* Sets the function that tells whether a call is to end early. The thread that made the call runs it, at most every
 * 50 ms, without holding locks. If it returns anything but 0, the call frees its memory and returns
 * DCMTURBO_INTERRUPTED. Null removes the function. */
#define DCMTURBO_INTERRUPTED 15
DCMTURBO_API void dcmturbo_set_interrupt(int32_t (*ask)(void));

/* Memory for results of at least one mebibyte. Freed blocks are kept for the next result, up to a cap in bytes.
 * Returns NULL if there is no memory. Pass the same size when freeing a block. */
DCMTURBO_API void* dcmturbo_output_allocate(size_t size);
DCMTURBO_API void dcmturbo_output_free(void* block, size_t size);
DCMTURBO_API void dcmturbo_set_output_cache(uint64_t bytes);
DCMTURBO_API uint64_t dcmturbo_output_cache(void);

/* ---- formats and transfer syntaxes ------------------------------------------------------------ */

/* A format of encoded frames: a row of the table in codecs/formats.h, which explains each field. */
typedef struct dcmturbo_format_row {
    uint32_t size;
    const char* name; /* such as "jpeg_lossless": the format that the header of a codestream states */
    const char* title;
    const char* family;
    const char* frame_start; /* a value of dcmturbo_layout.grouping: "codestream", "rle", "size", "one_fragment" */
    const char* single_bits; /* "none", "held", "rarely_read" */
    const char* sign;        /* "in_cells", "unsigned_only", "none", "stated", "stated_unsigned" */
    const char* loss;        /* "never", "possible", "always" */
    const char* lossy_method;
    uint8_t of_rgb, of_rgb_with_loss; /* image/pixel_attributes.h, Photometric */
    uint32_t colours;                 /* bit n is set for value n of Photometric */
    uint8_t least_precision, most_precision, most_samples;
    uint8_t has_header, is_recognised, container_allowed, keeps_all_bits, stored_in_planes, has_grid;
    uint8_t most_reduce; /* of dcmturbo_request; 0: no smaller image can be decoded */
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
    const char* family; /* of the row of its format */
    uint8_t encapsulated;
    uint8_t lossless_only;   /* the transfer syntax promises that nothing was lost */
    uint8_t own;             /* the core decodes it */
    uint8_t library;         /* a library decodes it */
    uint8_t encodes;         /* the core encodes it */
    uint8_t library_encodes; /* a library encodes it */
    uint8_t retired;
    uint8_t general;    /* the one with the fewest promises among those of its format */
    const char* format; /* the name of a row: the format that the transfer syntax states for its frames */
    /* Frames are recompressed codestreams of this format, which can be restored; otherwise "". */
    const char* made_from;
    const char* dataset; /* "explicit_little", "implicit_little", "explicit_big", "deflated" */
} dcmturbo_transfer_syntax;

DCMTURBO_API size_t dcmturbo_transfer_syntax_count(void);
DCMTURBO_API int32_t dcmturbo_transfer_syntax_at(size_t i, dcmturbo_transfer_syntax* syntax);

/* Which codec encodes to a transfer syntax with the current settings: 0 none, 1 the core's, 2 a library's. Returns
 * 0 if the transfer syntax is unknown. */
DCMTURBO_API uint8_t dcmturbo_encoder_of(const char* transfer_syntax);
/* ---- options of codecs -------------------------------------------------------------------------- */

/* The type of an option or of a value. An integer is also accepted as a number. */
enum {
    DCMTURBO_FLAG = 0, /* number is 0 or 1 */
    DCMTURBO_INTEGER = 1,
    DCMTURBO_NUMBER = 2,
    DCMTURBO_TEXT = 3,
    DCMTURBO_NONE = 4, /* only for values: treated as not given */
    DCMTURBO_OTHER = 5 /* only for values: no option accepts it; text shows it in messages */
};

/* An option of a codec. */
typedef struct dcmturbo_option {
    uint32_t size;
    const char* name;
    const char* meaning; /* one sentence */
    uint8_t type;        /* DCMTURBO_TEXT: the value is one of the words */
    uint8_t has_default;
    double lowest, highest;   /* of an integer or a number; INFINITY: no bound */
    double default_value;     /* DCMTURBO_TEXT: the index of its word */
    double loses_from;        /* this value and all above lose information; INFINITY: none, -INFINITY: all */
    const char* const* words; /* an integer or a number may have words that can be given instead */
    size_t word_count;
    uint8_t bounds_error; /* no decoded sample differs from the original by more than the value */
    char allowed[160];    /* describes the allowed values in messages */
} dcmturbo_option;

typedef struct dcmturbo_option_value {
    const char* name;
    uint8_t type;
    double number;
    const char* text;
} dcmturbo_option_value;

/* Option i for encoding to a transfer syntax. prefer_library: 1 for the library's encoder if there is one, 0 for
 * the core's, -1 for the one that the settings choose. Fails if there is no option i. */
DCMTURBO_API int32_t dcmturbo_encode_option_at(const char* transfer_syntax, int32_t prefer_library, size_t i,
                                               dcmturbo_option* option, dcmturbo_error* error);
/* Checks values for encoding. Sets `loses` if they ask for loss. (Some formats always lose information: see their
 * rows.) */
DCMTURBO_API int32_t dcmturbo_check_encode_options(const char* transfer_syntax, int32_t prefer_library,
                                                   const dcmturbo_option_value* values, size_t count, uint8_t* loses,
                                                   dcmturbo_error* error);

/* Options for decoding, of all codecs. Their values hold for the whole process. Fails if there is no option i. */
DCMTURBO_API int32_t dcmturbo_decode_option_at(size_t i, dcmturbo_option* option, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_set_decode_option(const dcmturbo_option_value* value, dcmturbo_error* error);
/* The value that was set, or the default. */
DCMTURBO_API int32_t dcmturbo_get_decode_option(const char* name, dcmturbo_option_value* value, dcmturbo_error* error);

/* ---- images ------------------------------------------------------------------------------------ */

/* The description of an image in its dataset: the Image Pixel module. photometric is a value of Photometric in
 * image/pixel_attributes.h. */
typedef struct dcmturbo_attributes {
    uint32_t size;
    uint32_t rows, columns;
    uint16_t samples_per_pixel, bits_allocated, bits_stored;
    uint8_t pixel_representation, planar_configuration, photometric, keyword, big_endian, words_swapped;
} dcmturbo_attributes;

/* The format of a decoded frame. type is a value of SampleType in image/component.h. */
typedef struct dcmturbo_format {
    uint32_t size;
    uint32_t rows, columns;
    uint16_t samples_per_pixel;
    uint8_t type, significant_bits, sign_extend, colour, photometric;
    uint8_t reduce; /* rows and columns are halved so often: a library codec has to scale the frame */
    uint32_t notes; /* codecs/frame_format.h, FormatNote; codecs/codec.h, DecodeNote */
} dcmturbo_format;

/* Sample s of pixel (r, c) of frame 0 is at base + r * row_stride + c * pixel_stride + s * sample_stride. */
typedef struct dcmturbo_image {
    void* base;
    ptrdiff_t row_stride, pixel_stride, sample_stride;
} dcmturbo_image;

DCMTURBO_API uint8_t dcmturbo_photometric_from_name(const char* name);
DCMTURBO_API const char* dcmturbo_photometric_name(uint8_t photometric);

/* The header of a codestream, as an opaque handle (image/component.h, Header). */
typedef struct dcmturbo_header dcmturbo_header;
DCMTURBO_API int32_t dcmturbo_probe(dcmturbo_bytes data, dcmturbo_header** header, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_check(dcmturbo_bytes data, const dcmturbo_header* header, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_header_free(dcmturbo_header* header);
/* Whether the codestream keeps all promises of the transfer syntax, so it can be stored in it unchanged. */
DCMTURBO_API int32_t dcmturbo_keeps_promises(const char* transfer_syntax, const dcmturbo_header* header);
/* Recognises the format of a frame by its signature or its RLE header. Returns an index for dcmturbo_format_at; 0
 * ("unknown") for everything else. */
DCMTURBO_API size_t dcmturbo_recognise(dcmturbo_bytes data);

/* A part of a frame. A height of 0 means the whole frame. */
typedef struct dcmturbo_region {
    uint32_t top, left, height, width;
} dcmturbo_region;

/* How a caller wants a frame decoded. */
typedef struct dcmturbo_request {
    uint32_t size;
    uint8_t raw;              /* do not convert colours */
    uint8_t keep_unused_bits; /* return cells as they are stored */
    uint8_t reduce;           /* how often to halve the size (JPEG, JPEG 2000, HTJ2K) */
    dcmturbo_region region;   /* pixels of the frame after reduce; the image receives only these */
} dcmturbo_request;

/* Computes the format of a decoded frame. header may be null. The format is that of the whole frame after reduce:
 * it has ceil(rows / 2^reduce) rows and ceil(columns / 2^reduce) columns. */
DCMTURBO_API int32_t dcmturbo_frame_format(const char* transfer_syntax, const dcmturbo_attributes* attributes,
                                           const dcmturbo_header* header, const dcmturbo_request* request,
                                           dcmturbo_format* format, dcmturbo_error* error);

/* Interprets native data of `bytes` bytes and `frames` frames whose length may contradict the photometric
 * interpretation in the attributes. Stores the real photometric interpretation and the notes. */
DCMTURBO_API int32_t dcmturbo_native_reading(const dcmturbo_attributes* attributes, uint64_t bytes, uint64_t frames,
                                             uint8_t* photometric, uint32_t* notes, dcmturbo_error* error);

/* Fails if the settings do not allow `frames` frames of this format. */
DCMTURBO_API int32_t dcmturbo_check_limits(const dcmturbo_format* format, uint64_t frames, dcmturbo_error* error);
/* The same. Also fails if `held` encoded bytes are far too few for a large result. */
DCMTURBO_API int32_t dcmturbo_check_held(const char* transfer_syntax, const dcmturbo_format* format, uint64_t frames,
                                         uint64_t held, dcmturbo_error* error);

/* ---- one frame --------------------------------------------------------------------------------- */

/* Decodes one frame. With salvage, status says how much of the frame is valid, the rest is filled with fill_value,
 * and the notes in the format are those of this frame. */
DCMTURBO_API int32_t dcmturbo_decode_frame(const char* transfer_syntax, const dcmturbo_bytes* fragments,
                                           size_t fragment_count, const dcmturbo_attributes* attributes,
                                           dcmturbo_format* format, const dcmturbo_request* request,
                                           const dcmturbo_image* image, uint32_t threads, int32_t salvage,
                                           double fill_value, uint8_t* status, dcmturbo_error* error);

/* The last step for decoders outside the core: converts samples of the format's type at `from` to the image, and
 * corrects bits and colours. from and image may be the same memory. */
DCMTURBO_API int32_t dcmturbo_finish_frame(const dcmturbo_image* from, const dcmturbo_format* format,
                                           const dcmturbo_image* image, dcmturbo_error* error);

/* The size and type of component i after the request was applied. type is a value of SampleType in
 * image/component.h: the smallest integer type for the component's precision and sign. The region counts samples of
 * the component with the most samples. A component with fewer returns all samples that are at least partly in the
 * region. */
typedef struct dcmturbo_component {
    uint32_t size;
    uint32_t width, height;
    uint8_t type;
} dcmturbo_component;

DCMTURBO_API int32_t dcmturbo_component_at(const dcmturbo_header* header, size_t i, const dcmturbo_request* request,
                                           dcmturbo_component* component, dcmturbo_error* error);

/* Decodes the components of a codestream that dcmturbo_probe has read, each at its own size. Component i goes to
 * images[i], as dcmturbo_component_at describes it. With salvage, damaged data are decoded as far as possible.
 * `notes` receives DecodeNote of codecs/codec.h and note_excess_data; it may be null. */
DCMTURBO_API int32_t dcmturbo_decode_components(dcmturbo_bytes data, const dcmturbo_header* header,
                                                const dcmturbo_image* images, size_t count,
                                                const dcmturbo_request* request, uint32_t threads, int32_t salvage,
                                                uint8_t* status, uint32_t* notes, dcmturbo_error* error);

/* Decodes a format for which the core has no codec, or for which settings.prefer_library chooses the library.
 * Writes the coded samples to the image, in cells of the format's type. For a Deflated Image Frame, the format is
 * one row of bytes for the inflated data. Any thread may call it; the core holds no locks. Returns DCMTURBO_OK, or
 * a code after filling the error. */
typedef int32_t (*dcmturbo_library)(dcmturbo_bytes data, const dcmturbo_header* header, const dcmturbo_format* format,
                                    const dcmturbo_image* image, dcmturbo_error* error);
/* Passes the JPEG that a JPEG XL stream was made from to take(taker, bytes), once. */
typedef int32_t (*dcmturbo_library_unwrap)(dcmturbo_bytes data, void (*take)(void* taker, dcmturbo_bytes jpeg),
                                           void* taker, dcmturbo_error* error);
/* Sets both functions for the whole process; null removes one. */
DCMTURBO_API void dcmturbo_set_library(dcmturbo_library decode, dcmturbo_library_unwrap jpeg_of_jpegxl);

DCMTURBO_API uint64_t dcmturbo_encode_bound(const char* transfer_syntax, const dcmturbo_attributes* attributes);
/* Encodes one frame with the core's own encoder. options holds values of its options. */
DCMTURBO_API int32_t dcmturbo_encode_frame(const char* transfer_syntax, const dcmturbo_image* image,
                                           const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                                           size_t option_count, uint8_t* to, size_t capacity, size_t* written,
                                           dcmturbo_error* error);
/* Encodes frames with a library, and passes the bytes to take(taker, bytes), once. Only the code that makes
 * `request` and the function itself know its contents. Any thread may call it; the core holds no locks. Returns
 * DCMTURBO_OK, or a code after filling the error. */
typedef int32_t (*dcmturbo_library_encode)(const void* request, const dcmturbo_image* image,
                                           const dcmturbo_attributes* attributes,
                                           void (*take)(void* taker, dcmturbo_bytes encoded), void* taker,
                                           dcmturbo_error* error);
typedef struct dcmturbo_library_encoder {
    dcmturbo_library_encode encode;
    const void* request;
} dcmturbo_library_encoder;

/* Encodes `count` frames on up to `threads` workers (0: the default), one of which is the caller. A single frame is
 * shared among the workers if its codec supports that. The bytes are the same with any number of threads. `library`
 * is the encoder; null means the core's own. take(context, frame, bytes) receives each frame on any worker. It
 * returns DCMTURBO_OK, or the code of the error if it cannot take the frame. Encoding stops at a failure, and the
 * error of the lowest frame that fails is returned. */
DCMTURBO_API int32_t dcmturbo_encode_frames(const char* transfer_syntax, const dcmturbo_image* images, size_t count,
                                            const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                                            size_t option_count, const dcmturbo_library_encoder* library,
                                            uint32_t threads,
                                            int32_t (*take)(void* context, size_t frame, dcmturbo_bytes encoded),
                                            void* context, dcmturbo_error* error);

/* ---- sources, datasets, frame indexes ---------------------------------------------------------- */

typedef struct dcmturbo_source dcmturbo_source;
/* Returns the number of bytes read. It is less than size only at the end; negative if reading fails. */
typedef int64_t (*dcmturbo_read)(void* context, uint64_t offset, void* to, size_t size);
DCMTURBO_API int32_t dcmturbo_source_file(const char* path, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_buffer(dcmturbo_bytes bytes, dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API int32_t dcmturbo_source_callback(dcmturbo_read read, void* context, uint64_t size,
                                              dcmturbo_source** source, dcmturbo_error* error);
/* Uses an open regular file. The source duplicates the descriptor and does not move the file position. */
DCMTURBO_API int32_t dcmturbo_source_descriptor(int32_t descriptor, dcmturbo_source** source, dcmturbo_error* error);
/* Four bytes that replace others. */
typedef struct dcmturbo_patch {
    uint64_t offset;
    uint8_t bytes[4];
} dcmturbo_patch;
/* Another source with some bytes replaced. That source must outlive it. */
DCMTURBO_API int32_t dcmturbo_source_patched(const dcmturbo_source* inner, const dcmturbo_patch* patches, size_t count,
                                             dcmturbo_source** source, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_source_free(dcmturbo_source* source);

/* The fields of dicom/dataset.h, as an opaque handle. */
typedef struct dcmturbo_dataset dcmturbo_dataset;
/* flags: 1 bare dataset, 2 implicit VR, 4 big endian. The last two are for bare datasets. */
DCMTURBO_API int32_t dcmturbo_scan(const dcmturbo_source* source, uint32_t flags, dcmturbo_dataset** dataset,
                                   dcmturbo_error* error);
DCMTURBO_API void dcmturbo_dataset_free(dcmturbo_dataset* dataset);

typedef struct dcmturbo_element {
    uint32_t size;
    uint32_t tag;
    char vr[4]; /* empty for implicit VR */
    int32_t undefined_length;
    uint64_t begin, value, end; /* positions: of the header, of the value, of the end */
} dcmturbo_element;

/* Reports every element at the top level from `offset` on, in order. flags are those of dcmturbo_scan. `end`
 * receives the end of the elements: the size of the source, or the position of the first bytes that are no element. */
DCMTURBO_API int32_t dcmturbo_list_elements(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                                            void (*report)(void* context, const dcmturbo_element* element),
                                            void* context, uint64_t* end, dcmturbo_error* error);

typedef struct dcmturbo_layout {
    uint32_t size;
    uint8_t encapsulated;
    /* encapsulated: how frames are found: 0 by markers, 1 each fragment is one, 2 by RLE headers, 3 by their size */
    uint8_t grouping;
    uint8_t undefined_length;
    uint8_t word_bytes;        /* native: 2 for 8-bit cells in big-endian words */
    uint64_t offset, length;   /* of the value of the pixel data */
    uint64_t frame_bits;       /* native: bits of one frame */
    uint64_t unit_bytes;       /* grouping 2: decoded bytes of a segment; 3: bytes of a frame; 0: unknown */
    uint64_t number_of_frames; /* NumberOfFrames; 0: unknown */
    uint64_t extended_offset, extended_offset_length; /* Extended Offset Table: position in the source, */
    uint64_t extended_lengths, extended_lengths_length;
    dcmturbo_bytes extended_offset_bytes, extended_length_bytes; /* or in memory */
} dcmturbo_layout;

typedef struct dcmturbo_index dcmturbo_index;
/* The source must outlive the index. */
DCMTURBO_API int32_t dcmturbo_index_create(const dcmturbo_source* source, const dcmturbo_layout* layout,
                                           dcmturbo_index** index, dcmturbo_error* error);
DCMTURBO_API void dcmturbo_index_free(dcmturbo_index* index);
/* For a remote source without an offset table, the first call reads all item headers. */
DCMTURBO_API int32_t dcmturbo_index_frame_count(const dcmturbo_index* index, uint64_t* count, dcmturbo_error* error);
/* The byte ranges of the frame in the source, in order. *count receives their number, but at most `capacity` of
 * them are stored. first_bit differs from 0 only for native frames that begin inside a byte or word. */
typedef struct dcmturbo_range {
    uint64_t offset, size;
} dcmturbo_range;
DCMTURBO_API int32_t dcmturbo_index_frame(const dcmturbo_index* index, uint64_t frame, dcmturbo_range* ranges,
                                          size_t capacity, size_t* count, uint32_t* first_bit, dcmturbo_error* error);
/* Reads the bytes of these ranges to `to`. */
DCMTURBO_API int32_t dcmturbo_index_read_frame(const dcmturbo_index* index, uint64_t frame, uint8_t* to,
                                               size_t capacity, dcmturbo_error* error);

/* ---- many frames ------------------------------------------------------------------------------- */

typedef struct dcmturbo_job {
    const dcmturbo_index* index;
    uint64_t frame;
    uint32_t stream; /* index of the stream that this frame belongs to */
    void* base;      /* the place of its pixel (0, 0) */
} dcmturbo_job;

typedef struct dcmturbo_stream {
    uint32_t size;
    const char* transfer_syntax;
    dcmturbo_attributes attributes;
    dcmturbo_format format; /* of every frame; colour and bit correction may differ if frames have headers */
    dcmturbo_request request;
    uint32_t* notes; /* receives the notes of all frames, combined by OR; may be null */
    ptrdiff_t row_stride, pixel_stride, sample_stride;
} dcmturbo_stream;

/* The calling thread calls it for each frame that is not OK, in the order of the jobs. */
typedef void (*dcmturbo_report)(void* context, size_t job, uint8_t status, const dcmturbo_error* error);

/* Decodes all jobs on up to `threads` workers (0: the default), one of which is the caller. Without salvage,
 * decoding stops at a failure, and the error of the lowest job that fails is returned, whatever the number of
 * threads. status has one byte per job, or is null. */
DCMTURBO_API int32_t dcmturbo_decode_frames(const dcmturbo_job* jobs, size_t job_count, const dcmturbo_stream* streams,
                                            size_t stream_count, uint32_t threads, int32_t salvage, double fill_value,
                                            uint8_t* status, dcmturbo_report report, void* report_context,
                                            dcmturbo_error* error);

/* ---- blanking of boxes -------------------------------------------------------------------------- */

/* What to blank in an encoded frame: boxes of pixels within the frame, none of them empty, counted from its first row
 * and column. `values` are the samples of a blank pixel as the codestream stores them, one per component: those of
 * YCbCr for a JPEG in YCbCr. The arrays are read during the call only. */
typedef struct dcmturbo_blanking {
    uint32_t size;
    const dcmturbo_region* boxes;
    size_t box_count;
    const uint32_t* values;
    size_t value_count;
} dcmturbo_blanking;

/* Receives a blanked codestream, and `count` boxes outside of which no sample of this frame has changed. All are valid
 * during the call only. Returns DCMTURBO_OK, or the code of the error if it cannot take the frame. */
typedef int32_t (*dcmturbo_take_blanked)(void* context, size_t frame, dcmturbo_bytes codestream,
                                         const dcmturbo_region* changed, size_t count);

/* Blanks boxes in one codestream (JPEG, JPEG 2000 or HTJ2K) without encoding it again, and passes the result to take(),
 * once, as frame 0. Fails with "unsupported" if the format, or the form of this codestream, does not allow it; with
 * "argument" if a box is not within the frame; with "limit" if the frame has too many pixels; with "malformed" or
 * "truncated" if the codestream is damaged. The result is not verified. */
DCMTURBO_API int32_t dcmturbo_blank_frame(dcmturbo_bytes frame, const dcmturbo_blanking* blanking,
                                          dcmturbo_take_blanked take, void* context, dcmturbo_error* error);

/* Blanks the same boxes in the first `frames` frames of an index, on up to `threads` workers (0: the default), one of
 * which is the caller. `stream` says how to decode a frame; its strides, reduce and region are not used, and its notes
 * receive those of both decoded frames. Each frame is decoded before and after, and compared: all pixels of the boxes
 * must be equal, and no sample may differ outside of the boxes that changed; "internal" is the error if that is not so.
 * take() receives each frame on any worker, in any order. Work stops at a failure, and the error of the lowest frame
 * that fails is returned. */
DCMTURBO_API int32_t dcmturbo_blank_frames(const dcmturbo_index* index, uint64_t frames, const dcmturbo_stream* stream,
                                           const dcmturbo_blanking* blanking, uint32_t threads,
                                           dcmturbo_take_blanked take, void* context, dcmturbo_error* error);

/* ---- transcoding --------------------------------------------------------------------------------- */

/* What is done with the decoded cells: nothing (the target is native, or the caller wants only the cells), or they
 * are encoded. To copy a frame, the library converts its bytes (one row of 8-bit cells) to those of the result. */
enum { DCMTURBO_ONLY_DECODE = 0, DCMTURBO_ENCODE = 1, DCMTURBO_COPY = 2 };
/* Flags of a plan. */
enum {
    DCMTURBO_VERIFY = 1,            /* decode the encoded frame and compare */
    DCMTURBO_LOSES = 2,             /* encoding is lossy: measure the differences instead of failing */
    DCMTURBO_MASK = 4,              /* overwrite the bits above Bits Stored before encoding */
    DCMTURBO_MEASURE_BITS = 8,      /* find out how many bits the samples need */
    DCMTURBO_COMPARE_READINGS = 16, /* also compare the formats that a reader gets by default */
    DCMTURBO_BYTES_ONLY = 32        /* for DCMTURBO_COPY: do not decode or compare */
};

typedef struct dcmturbo_transcode_plan {
    uint32_t size;
    const dcmturbo_index* index;
    uint64_t frames;
    dcmturbo_stream source; /* its strides, notes, reduce and region are not used */
    /* How to decode the result. Its transfer syntax is the target; null: nothing is encoded. */
    dcmturbo_stream result;
    uint8_t action;
    const dcmturbo_option_value* options; /* of the core's own encoder; they are copied */
    size_t option_count;
    const dcmturbo_library_encoder* library; /* copied; the objects that it refers to must outlive the transcoding */
    uint32_t flags;
    uint32_t most_bits;  /* samples with more bits are a failure; 0: no limit */
    uint8_t photometric; /* of every decoded frame; 0 (unknown): not checked */
    uint32_t threads;
} dcmturbo_transcode_plan;

/* The stage at which the transcoding of a frame ended. Stages 1, 4 and 5 have an error code. */
enum {
    DCMTURBO_STAGE_DONE = 0,
    DCMTURBO_STAGE_SOURCE = 1,      /* the frame cannot be decoded */
    DCMTURBO_STAGE_PHOTOMETRIC = 2, /* its photometric interpretation is not that of the plan */
    DCMTURBO_STAGE_BITS = 3,        /* its samples have more than most_bits bits */
    DCMTURBO_STAGE_ENCODING = 4,    /* the frame cannot be encoded or copied */
    DCMTURBO_STAGE_RESULT = 5,      /* the encoded frame cannot be decoded */
    DCMTURBO_STAGE_CELLS = 6,       /* the encoded frame decodes to other cells */
    DCMTURBO_STAGE_READING = 7      /* the cells are the same, but a reader interprets them differently */
};

/* One frame. The caller must free both blocks with dcmturbo_transcoded_free and their sizes. */
typedef struct dcmturbo_transcoded {
    uint32_t size;
    uint8_t stage;
    uint8_t photometric; /* of the decoded frame */
    uint8_t is_recoded;  /* 1 if it was encoded from the coefficients of the source instead of its samples */
    uint32_t bits;
    const void* asked; /* address of the pixels or bytes that the library was asked to encode; do not read them */
    void* cells;
    size_t cells_size;
    void* encoded;
    size_t encoded_size;
    double maximum, total, squares; /* of the absolute differences of the samples */
    uint64_t samples;
} dcmturbo_transcoded;

/* Returns frames in order while workers prepare the next ones. */
typedef struct dcmturbo_transcoding dcmturbo_transcoding;
DCMTURBO_API int32_t dcmturbo_transcode(const dcmturbo_transcode_plan* plan, dcmturbo_transcoding** transcoding,
                                        dcmturbo_error* error);
/* Returns the next frame. *is_there is 0 after the last one. The returned code and `error` concern the call; `why`
 * has the error of the frame. */
DCMTURBO_API int32_t dcmturbo_transcode_next(dcmturbo_transcoding* transcoding, dcmturbo_transcoded* frame,
                                             int32_t* is_there, dcmturbo_error* why, dcmturbo_error* error);
/* The notes of the decoded frames of both sides. dcmturbo_transcode_free waits for the workers. Release the GIL
 * before calling it, because the workers may need it. */
DCMTURBO_API void dcmturbo_transcode_notes(const dcmturbo_transcoding* transcoding, uint32_t* source, uint32_t* result);
DCMTURBO_API void dcmturbo_transcode_free(dcmturbo_transcoding* transcoding);
DCMTURBO_API void dcmturbo_transcoded_free(void* block, size_t size);

/* ---- attributes, and the raster of masks ------------------------------------------------------ */

/* A value that dcmturbo_find_attributes has found. `value` is valid during the call of `report`. */
typedef struct dcmturbo_found {
    uint32_t size;
    uint32_t path;  /* number of the path that led to it */
    uint32_t outer; /* item of the outermost sequence of the path */
    uint32_t inner; /* item of the innermost sequence of the path */
    uint64_t offset;
    dcmturbo_bytes value;
} dcmturbo_found;

/* Reports the values of chosen attributes from `offset` on, up to `stop_tag` at the top level. `tags` has all paths,
 * one after the other, and `ends` the end of each of them: tags of nested sequences, then the tag of the attribute.
 * `flags` are those of dcmturbo_scan. */
DCMTURBO_API int32_t dcmturbo_find_attributes(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                                              uint32_t stop_tag, const uint32_t* tags, const uint32_t* ends,
                                              size_t count, void (*report)(void* context, const dcmturbo_found* found),
                                              void* context, dcmturbo_error* error);

/* Parses decimal numbers that backslashes separate (VR DS and IS). *count is the number of numbers; the first
 * `capacity` of them are written. Sets *is_plain to 0, and *count to 0, if a value is empty or no number, or has too
 * many digits for this function. */
DCMTURBO_API int32_t dcmturbo_parse_decimals(dcmturbo_bytes text, double* numbers, size_t capacity, size_t* count,
                                             int32_t* is_plain, dcmturbo_error* error);

/* Polygons in the images of a stack. `points` are pairs of x (along a row) and y, in pixels; the centre of the first
 * pixel is 0, 0. `ends` has the end of each polygon in `points`, `image_ends` the end of each group of polygons in
 * `ends`, and `images` the image that each group is in. Each image may have one group only. */
typedef struct dcmturbo_polygons {
    uint32_t size;
    uint8_t rule;         /* 0: even-odd, 1: non-zero (raster/polygon_fill.h) */
    uint8_t subdivisions; /* of a pixel along each side, for coverage: 1, 2, 4, 8 or 16 */
    uint8_t value;        /* what a mask has inside */
    uint8_t is_coverage;  /* 1: the cells are float, and get the share that is inside; they must be 0 before */
    const double* points;
    uint64_t point_count;
    const uint64_t* ends;
    uint64_t polygon_count;
    const uint64_t* image_ends;
    const uint64_t* images;
    uint64_t group_count;
} dcmturbo_polygons;

typedef struct dcmturbo_raster {
    uint32_t size;
    void* cells; /* images x rows x columns cells, without gaps */
    uint64_t images;
    uint64_t rows;
    uint64_t columns;
    uint8_t cell_bytes;
} dcmturbo_raster;

DCMTURBO_API int32_t dcmturbo_fill_polygons(const dcmturbo_polygons* polygons, const dcmturbo_raster* raster,
                                            uint32_t threads, dcmturbo_error* error);

/* Reports the outlines of the areas in each image of a stack of masks of bytes (raster/outlines.h), in the order of the
 * images. `points` are pairs of x and y. */
DCMTURBO_API int32_t dcmturbo_trace_outlines(const dcmturbo_raster* raster, int32_t diagonal, uint32_t threads,
                                             void (*report)(void* context, uint64_t image, int32_t is_hole,
                                                            const double* points, uint64_t count),
                                             void* context, dcmturbo_error* error);

/* Paints `count` frames of bytes into images of labels (raster/label_painting.h). Adds to *overlaps the number of cells
 * that had another label. */
DCMTURBO_API int32_t dcmturbo_paint_labels(const uint8_t* frames, uint64_t count, const uint64_t* image_of,
                                           const uint32_t* label_of, uint8_t threshold, uint8_t overlap,
                                           const dcmturbo_raster* raster, uint32_t threads, uint64_t* overlaps,
                                           dcmturbo_error* error);

/* Runs body(context, i) for every i below count on up to `threads` workers. */
DCMTURBO_API void dcmturbo_parallel_for(size_t count, uint32_t threads, void (*body)(void* context, size_t i),
                                        void* context);

#ifdef __cplusplus
}
#endif

#endif
