/* The description of an image in its dataset, the header of a codestream, and the format of a decoded frame. Include
 * dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_IMAGES_H
#define DCMTURBO_INTERFACE_IMAGES_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
