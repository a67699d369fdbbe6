/* The functions of dcmturbo.h as a table, for other extension modules: they get it from a capsule, so that they need
 * not be linked with the core. */
#ifndef DCMTURBO_CAPSULE_H
#define DCMTURBO_CAPSULE_H

#include "dcmturbo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What PyCapsule_GetPointer(dcmturbo._core._C_API, DCMTURBO_CAPSULE) points to: the functions above. */
#define DCMTURBO_CAPSULE "dcmturbo._core._C_API"
typedef struct dcmturbo_api {
    uint32_t size;
    uint32_t version;
    uint32_t (*abi_version)(void);
    void (*get_settings)(dcmturbo_settings* settings);
    int32_t (*set_settings)(const dcmturbo_settings* settings, dcmturbo_error* error);
    const char* (*isa_name)(uint8_t isa);
    int32_t (*isa_available)(uint8_t isa);
    uint32_t (*default_threads)(void);
    void* (*output_allocate)(size_t size);
    void (*output_free)(void* block, size_t size);
    void (*set_output_cache)(uint64_t bytes);
    uint64_t (*output_cache)(void);
    size_t (*transfer_syntax_count)(void);
    int32_t (*transfer_syntax_at)(size_t i, dcmturbo_transfer_syntax* syntax);
    uint8_t (*photometric_from_name)(const char* name);
    const char* (*photometric_name)(uint8_t photometric);
    int32_t (*probe)(dcmturbo_bytes data, dcmturbo_header** header, dcmturbo_error* error);
    int32_t (*check)(dcmturbo_bytes data, const dcmturbo_header* header, dcmturbo_error* error);
    void (*header_free)(dcmturbo_header* header);
    int32_t (*frame_format)(const char* transfer_syntax, const dcmturbo_attributes* attributes,
                            const dcmturbo_header* header, const dcmturbo_request* request, dcmturbo_format* format,
                            dcmturbo_error* error);
    int32_t (*check_limits)(const dcmturbo_format* format, uint64_t frames, dcmturbo_error* error);
    int32_t (*decode_frame)(const char* transfer_syntax, const dcmturbo_bytes* fragments, size_t fragment_count,
                            const dcmturbo_attributes* attributes, dcmturbo_format* format,
                            const dcmturbo_request* request, const dcmturbo_image* image, uint32_t threads,
                            int32_t salvage, double fill_value, uint8_t* status, dcmturbo_error* error);
    int32_t (*component_at)(const dcmturbo_header* header, size_t i, const dcmturbo_request* request,
                            dcmturbo_component* component, dcmturbo_error* error);
    int32_t (*decode_components)(dcmturbo_bytes data, const dcmturbo_header* header, const dcmturbo_image* images,
                                 size_t count, const dcmturbo_request* request, uint32_t threads, int32_t salvage,
                                 uint8_t* status, uint32_t* notes, dcmturbo_error* error);
    int32_t (*finish_frame)(const dcmturbo_image* from, const dcmturbo_format* format, const dcmturbo_image* image,
                            dcmturbo_error* error);
    uint64_t (*encode_bound)(const char* transfer_syntax, const dcmturbo_attributes* attributes);
    int32_t (*encode_frame)(const char* transfer_syntax, const dcmturbo_image* image,
                            const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                            size_t option_count, uint8_t* to, size_t capacity, size_t* written, dcmturbo_error* error);
    int32_t (*source_file)(const char* path, dcmturbo_source** source, dcmturbo_error* error);
    int32_t (*source_buffer)(dcmturbo_bytes bytes, dcmturbo_source** source, dcmturbo_error* error);
    int32_t (*source_callback)(dcmturbo_read read, void* context, uint64_t size, dcmturbo_source** source,
                               dcmturbo_error* error);
    void (*source_free)(dcmturbo_source* source);
    int32_t (*scan)(const dcmturbo_source* source, uint32_t flags, dcmturbo_dataset** dataset, dcmturbo_error* error);
    void (*dataset_free)(dcmturbo_dataset* dataset);
    int32_t (*index_create)(const dcmturbo_source* source, const dcmturbo_layout* layout, dcmturbo_index** index,
                            dcmturbo_error* error);
    void (*index_free)(dcmturbo_index* index);
    int32_t (*index_frame_count)(const dcmturbo_index* index, uint64_t* count, dcmturbo_error* error);
    int32_t (*index_frame)(const dcmturbo_index* index, uint64_t frame, dcmturbo_range* ranges, size_t capacity,
                           size_t* count, uint32_t* first_bit, dcmturbo_error* error);
    int32_t (*index_read_frame)(const dcmturbo_index* index, uint64_t frame, uint8_t* to, size_t capacity,
                                dcmturbo_error* error);
    int32_t (*decode_frames)(const dcmturbo_job* jobs, size_t job_count, const dcmturbo_stream* streams,
                             size_t stream_count, uint32_t threads, int32_t salvage, double fill_value, uint8_t* status,
                             dcmturbo_report report, void* report_context, dcmturbo_error* error);
    void (*parallel_for)(size_t count, uint32_t threads, void (*body)(void* context, size_t i), void* context);
    int32_t (*list_elements)(const dcmturbo_source* source, uint64_t offset, uint32_t flags,
                             void (*report)(void* context, const dcmturbo_element* element), void* context,
                             uint64_t* end, dcmturbo_error* error);
    int32_t (*source_descriptor)(int32_t descriptor, dcmturbo_source** source, dcmturbo_error* error);
    int32_t (*source_patched)(const dcmturbo_source* inner, const dcmturbo_patch* patches, size_t count,
                              dcmturbo_source** source, dcmturbo_error* error);
    uint64_t (*memory_limit)(void);
    int32_t (*check_held)(const char* transfer_syntax, const dcmturbo_format* format, uint64_t frames, uint64_t held,
                          dcmturbo_error* error);
    int32_t (*native_reading)(const dcmturbo_attributes* attributes, uint64_t bytes, uint64_t frames,
                              uint8_t* photometric, uint32_t* notes, dcmturbo_error* error);
    void (*set_library)(dcmturbo_library decode, dcmturbo_library_unwrap jpeg_of_jpegxl);
    int32_t (*encode_frames)(const char* transfer_syntax, const dcmturbo_image* images, size_t count,
                             const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                             size_t option_count, const dcmturbo_library_encoder* library, uint32_t threads,
                             int32_t (*take)(void* context, size_t frame, dcmturbo_bytes encoded), void* context,
                             dcmturbo_error* error);
    size_t (*format_count)(void);
    int32_t (*format_at)(size_t i, dcmturbo_format_row* row);
    size_t (*recognise)(dcmturbo_bytes data);
    int32_t (*keeps_promises)(const char* transfer_syntax, const dcmturbo_header* header);
    uint8_t (*encoder_of)(const char* transfer_syntax);
    void (*set_interrupt)(int32_t (*ask)(void));
    int32_t (*encode_option_at)(const char* transfer_syntax, int32_t prefer_library, size_t i, dcmturbo_option* option,
                                dcmturbo_error* error);
    int32_t (*check_encode_options)(const char* transfer_syntax, int32_t prefer_library,
                                    const dcmturbo_option_value* values, size_t count, uint8_t* loses,
                                    dcmturbo_error* error);
    int32_t (*decode_option_at)(size_t i, dcmturbo_option* option, dcmturbo_error* error);
    int32_t (*set_decode_option)(const dcmturbo_option_value* value, dcmturbo_error* error);
    int32_t (*get_decode_option)(const char* name, dcmturbo_option_value* value, dcmturbo_error* error);
    int32_t (*transcode)(const dcmturbo_transcode_plan* plan, dcmturbo_transcoding** transcoding,
                         dcmturbo_error* error);
    int32_t (*transcode_next)(dcmturbo_transcoding* transcoding, dcmturbo_transcoded* frame, int32_t* is_there,
                              dcmturbo_error* why, dcmturbo_error* error);
    void (*transcode_notes)(const dcmturbo_transcoding* transcoding, uint32_t* source, uint32_t* result);
    void (*transcode_free)(dcmturbo_transcoding* transcoding);
    void (*transcoded_free)(void* block, size_t size);
    int32_t (*find_attributes)(const dcmturbo_source* source, uint64_t offset, uint32_t flags, uint32_t stop_tag,
                               const uint32_t* tags, const uint32_t* ends, size_t count,
                               void (*report)(void* context, const dcmturbo_found* found), void* context,
                               dcmturbo_error* error);
    int32_t (*parse_decimals)(dcmturbo_bytes text, double* numbers, size_t capacity, size_t* count, int32_t* is_plain,
                              dcmturbo_error* error);
    int32_t (*fill_polygons)(const dcmturbo_polygons* polygons, const dcmturbo_raster* raster, uint32_t threads,
                             dcmturbo_error* error);
    int32_t (*trace_outlines)(const dcmturbo_raster* raster, int32_t diagonal, uint32_t threads,
                              void (*report)(void* context, uint64_t image, int32_t is_hole, const double* points,
                                             uint64_t count),
                              void* context, dcmturbo_error* error);
    int32_t (*blank_frame)(dcmturbo_bytes frame, const dcmturbo_blanking* blanking, dcmturbo_take_blanked take,
                           void* context, dcmturbo_error* error);
    int32_t (*blank_frames)(const dcmturbo_index* index, uint64_t frames, const dcmturbo_stream* stream,
                            const dcmturbo_blanking* blanking, uint32_t threads, dcmturbo_take_blanked take,
                            void* context, dcmturbo_error* error);
    int32_t (*find_patterns)(dcmturbo_bytes data, const dcmturbo_bytes* patterns, size_t count, uint8_t* found,
                             dcmturbo_error* error);
    int32_t (*is_quick)(const char* transfer_syntax, uint64_t bytes);
    void (*source_close)(dcmturbo_source* source);
} dcmturbo_api;
DCMTURBO_API const dcmturbo_api* dcmturbo_get_api(void);

#ifdef __cplusplus
}
#endif

#endif
