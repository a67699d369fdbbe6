/* Blanks boxes in encoded frames, without encoding them again. Include dcmturbo.h, which has the rules of all
 * functions. */
#ifndef DCMTURBO_INTERFACE_BLANKING_H
#define DCMTURBO_INTERFACE_BLANKING_H

#include "interface/basics.h"
#include "interface/batches.h"
#include "interface/datasets.h"
#include "interface/images.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to blank in an encoded frame: boxes of pixels within the frame, none of them empty, counted from its first row
 * and column. `values` are the samples of a blank pixel as the codestream stores them, one per component: those of
 * YCbCr for a JPEG in YCbCr. Without boxes, a frame is only cleaned. The arrays are read during the call only.
 *
 * Cleaning removes what does not describe the image, and can hold the name of a patient: comments, application data
 * such as Exif and thumbnails, boxes around the codestream, and what comes after its end. Blanking removes it too. */
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

/* Blanks boxes in one codestream (JPEG, JPEG 2000 or HTJ2K; any format is cleaned) without encoding it again, and
 * passes the result to take(), once, as frame 0. Fails with "unsupported" if the format, or the form of this
 * codestream, does not allow it; with "argument" if a box is not within the frame; with "limit" if the frame has too
 * many pixels; with "malformed" or "truncated" if the codestream is damaged. The result is not verified. */
DCMTURBO_API int32_t dcmturbo_blank_frame(dcmturbo_bytes frame, const dcmturbo_blanking* blanking,
                                          dcmturbo_take_blanked take, void* context, dcmturbo_error* error);

/* Blanks the same boxes in the first `frames` frames of an index, on up to `threads` workers (0: the default), one of
 * which is the caller. `stream` says how to decode a frame; its strides, reduce and region are not used, and its notes
 * receive those of both decoded frames. Each frame is decoded before and after, and compared: all pixels of the boxes
 * must be equal, and no sample may differ outside of the boxes that changed; "internal" is the error if that is not so.
 * A frame that was clean before is
 * passed on as it is, without being decoded. take() receives each frame on any worker, in any order. Work stops at a
 * failure, and the error of the lowest frame that fails is returned. */
DCMTURBO_API int32_t dcmturbo_blank_frames(const dcmturbo_index* index, uint64_t frames, const dcmturbo_stream* stream,
                                           const dcmturbo_blanking* blanking, uint32_t threads,
                                           dcmturbo_take_blanked take, void* context, dcmturbo_error* error);

#ifdef __cplusplus
}
#endif

#endif
