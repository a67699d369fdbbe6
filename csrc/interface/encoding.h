/* Encodes frames. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_ENCODING_H
#define DCMTURBO_INTERFACE_ENCODING_H

#include "interface/basics.h"
#include "interface/images.h"
#include "interface/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Returns the number of bytes that are always enough for a frame with these attributes; 0 if the core has no encoder.
 */
DCMTURBO_API uint64_t dcmturbo_encode_bound(const char* transfer_syntax, const dcmturbo_attributes* attributes);
/* Encodes one frame with the core's own encoder. options holds values of its options. With less capacity than
 * dcmturbo_encode_bound says, it fails with the code of an argument if the encoded frame does not fit. */
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

#ifdef __cplusplus
}
#endif

#endif
