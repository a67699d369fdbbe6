/* Transcodes the frames of an object. Include dcmturbo.h, which has the rules of all functions. */
#ifndef DCMTURBO_INTERFACE_TRANSCODING_H
#define DCMTURBO_INTERFACE_TRANSCODING_H

#include "interface/basics.h"
#include "interface/batches.h"
#include "interface/datasets.h"
#include "interface/encoding.h"
#include "interface/options.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
