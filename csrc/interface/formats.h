/* The formats of encoded frames, and the transfer syntaxes. Include dcmturbo.h, which has the rules of all functions.
 */
#ifndef DCMTURBO_INTERFACE_FORMATS_H
#define DCMTURBO_INTERFACE_FORMATS_H

#include "interface/basics.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
