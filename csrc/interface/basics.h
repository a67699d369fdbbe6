/* Errors and bytes, which all other parts of the interface use. Include dcmturbo.h, which has the rules of all
 * functions. */
#ifndef DCMTURBO_INTERFACE_BASICS_H
#define DCMTURBO_INTERFACE_BASICS_H

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

#ifdef __cplusplus
}
#endif

#endif
