/* Runs oneDNN's dropout attribute and prints what it made, for make_onednn.py.
 *
 *     make_onednn COUNT SEED PROBABILITY < elements > mask-and-result
 *
 * It reads COUNT float32 numbers and writes COUNT mask bytes and COUNT float32
 * numbers, all as raw bytes. SEED and PROBABILITY are what the library gets: an
 * int32 and a float32. The primitive is a matrix product, the only one that took
 * the attribute on a CPU when it was tried.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oneapi/dnnl/dnnl.h"

#define TRY(call)                                                      \
    do {                                                               \
        dnnl_status_t status = (call);                                 \
        if (status != dnnl_success) {                                  \
            fprintf(stderr, "%s: status %d\n", #call, (int)status);    \
            exit(1);                                                   \
        }                                                              \
    } while (0)

static dnnl_engine_t engine;

static dnnl_memory_t memory(const_dnnl_memory_desc_t desc, const void *from) {
    dnnl_memory_t m;
    void *at;
    TRY(dnnl_memory_create(&m, desc, engine, DNNL_MEMORY_ALLOCATE));
    TRY(dnnl_memory_map_data(m, &at));
    if (from)
        memcpy(at, from, dnnl_memory_desc_get_size(desc));
    else
        memset(at, 0xee, dnnl_memory_desc_get_size(desc));
    TRY(dnnl_memory_unmap_data(m, at));
    return m;
}

static void print(dnnl_memory_t m, size_t size) {
    void *at;
    TRY(dnnl_memory_map_data(m, &at));
    fwrite(at, 1, size, stdout);
    TRY(dnnl_memory_unmap_data(m, at));
}

static dnnl_memory_desc_t desc(int rank, const dnnl_dim_t *dims,
                               dnnl_data_type_t type) {
    dnnl_memory_desc_t d;
    dnnl_format_tag_t tag = rank == 2 ? dnnl_ab : dnnl_a;
    TRY(dnnl_memory_desc_create_with_tag(&d, rank, dims, type, tag));
    return d;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const dnnl_dim_t count = atoll(argv[1]);
    const int32_t seed = (int32_t)strtoll(argv[2], NULL, 10);
    const float probability = strtof(argv[3], NULL);
    float *x = malloc(4 * (count ? count : 1));
    if (fread(x, 4, count, stdin) != (size_t)count) return 2;

    /* A row of COUNT elements is the whole tensor. */
    const dnnl_dim_t row[2] = {1, count}, one[2] = {1, 1}, scalar[1] = {1};
    dnnl_memory_desc_t data = desc(2, row, dnnl_f32);
    dnnl_memory_desc_t bytes = desc(2, row, dnnl_u8);
    dnnl_memory_desc_t single = desc(2, one, dnnl_f32);
    dnnl_memory_desc_t f32 = desc(1, scalar, dnnl_f32);
    dnnl_memory_desc_t s32 = desc(1, scalar, dnnl_s32);

    dnnl_stream_t stream;
    TRY(dnnl_engine_create(&engine, dnnl_cpu, 0));
    TRY(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));

    dnnl_primitive_attr_t attr;
    TRY(dnnl_primitive_attr_create(&attr));
    TRY(dnnl_primitive_attr_set_dropout(attr, bytes));

    dnnl_primitive_desc_t pd;
    dnnl_exec_arg_t args[6];
    int n = 0;
    const float unit = 1.0f;
    dnnl_memory_t dst = memory(data, NULL), mask = memory(bytes, NULL);
    /* A product with the number 1 in one place leaves x as it is. */
    TRY(dnnl_matmul_primitive_desc_create(&pd, engine, single, data, NULL, data,
                                          attr));
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory(single, &unit)};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, memory(data, x)};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_DST, dst};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_DROPOUT_MASK, mask};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_DROPOUT_PROBABILITY,
                                  memory(f32, &probability)};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_DROPOUT_SEED,
                                  memory(s32, &seed)};

    const char *impl = NULL;
    TRY(dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &impl));
    const dnnl_version_t *v = dnnl_version();
    fprintf(stderr, "%d.%d.%d %s\n", v->major, v->minor, v->patch, impl);

    dnnl_primitive_t primitive;
    TRY(dnnl_primitive_create(&primitive, pd));
    TRY(dnnl_primitive_execute(primitive, stream, n, args));
    TRY(dnnl_stream_wait(stream));
    print(mask, count);
    print(dst, 4 * count);
    return 0;
}
