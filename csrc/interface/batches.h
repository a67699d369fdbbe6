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

/* Works on one frame, on any thread. Samples and results are contiguous and of one shape. */
typedef void (*dcmturbo_frame_function)(const void* samples, void* results, ptrdiff_t rows, ptrdiff_t columns,
                                        ptrdiff_t samples_per_pixel);

/* What is done to the samples of each frame on their way into the result, whose type it changes. Samples are integers
 * of up to 32 bits; a function takes any. */
#define DCMTURBO_STEP_NONE 0
#define DCMTURBO_STEP_LINEAR 1    /* gain * sample + offset */
#define DCMTURBO_STEP_NORMALISE 2 /* the mean of each frame becomes 0, its standard deviation 1 */
#define DCMTURBO_STEP_LABEL 3     /* the label, where a sample of one byte is at least the threshold */
#define DCMTURBO_STEP_FUNCTION 4  /* a function of the caller; its results have no gaps between rows */
typedef struct dcmturbo_step {
    uint8_t kind;      /* a value of DCMTURBO_STEP */
    uint8_t clips;     /* linear: results are limited to 0 ... 1 */
    uint8_t type;      /* of the results (dcmturbo_format.type): f4 or f8; labels u1, u2 or u4; a function any */
    uint8_t threshold; /* label */
    uint8_t replaces;  /* label: it replaces another label; otherwise the other one stays */
    uint32_t label;
    double gain, offset;
    dcmturbo_frame_function function;
} dcmturbo_step;

/* Other sizes than that of this version are refused: callers pass arrays of streams. */
typedef struct dcmturbo_stream {
    uint32_t size;
    const char* transfer_syntax;
    dcmturbo_attributes attributes;
    dcmturbo_format format; /* of every frame; colour and bit correction may differ if frames have headers */
    dcmturbo_request request;
    uint32_t* notes; /* receives the notes of all frames, combined by OR; may be null */
    ptrdiff_t row_stride, pixel_stride, sample_stride;
    dcmturbo_step step; /* if there is one, the strides are those of its results, contiguous within a row */
    uint64_t* overlaps; /* label: receives in how many cells another label was already, added; may be null */
} dcmturbo_stream;

/* The calling thread calls it for each frame that is not OK, in the order of the jobs. */
typedef void (*dcmturbo_report)(void* context, size_t job, uint8_t status, const dcmturbo_error* error);

/* Decodes all jobs on up to `threads` workers (0: the default), one of which is the caller. Without salvage,
 * decoding stops at a failure, and the error of the lowest job that fails is returned, whatever the number of
 * threads. status has one byte per job, or is null. Jobs with label steps that follow one another and have the same
 * base are done in their order: the first one replaces all cells. They cannot be salvaged, nor
 * be mixed with other jobs. */
DCMTURBO_API int32_t dcmturbo_decode_frames(const dcmturbo_job* jobs, size_t job_count, const dcmturbo_stream* streams,
                                            size_t stream_count, uint32_t threads, int32_t salvage, double fill_value,
                                            uint8_t* status, dcmturbo_report report, void* report_context,
                                            dcmturbo_error* error);

#ifdef __cplusplus
}
#endif

#endif
