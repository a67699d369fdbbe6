/* Decodes one frame, and its components. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_FRAMES_H
#define DCMTURBO_INTERFACE_FRAMES_H

#include "interface/basics.h"
#include "interface/images.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decodes one frame. With salvage, status says how much of the frame is valid, the rest is filled with fill_value,
 * and the notes in the format are those of this frame. */
DCMTURBO_API int32_t dcmturbo_decode_frame(const char* transfer_syntax, const dcmturbo_bytes* fragments,
                                           size_t fragment_count, const dcmturbo_attributes* attributes,
                                           dcmturbo_format* format, const dcmturbo_request* request,
                                           const dcmturbo_image* image, uint32_t threads, int32_t salvage,
                                           double fill_value, uint8_t* status, dcmturbo_error* error);

/* Whether a frame of the transfer syntax is decoded in a few microseconds, if its encoded and decoded bytes together
 * are `bytes`. A caller need not release a lock of its own for so long: other threads take longer to get it. */
DCMTURBO_API int32_t dcmturbo_is_quick(const char* transfer_syntax, uint64_t bytes);

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

#ifdef __cplusplus
}
#endif

#endif
