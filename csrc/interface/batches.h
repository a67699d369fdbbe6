/* Decodes many frames on many workers. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_BATCHES_H
#define DCMTURBO_INTERFACE_BATCHES_H

#include "interface/basics.h"
#include "interface/datasets.h"
#include "interface/images.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
