/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-codec.c - compressed streams: of strangers, and there and back again
 *
 * The input: the compression type, the log2 of the cluster size, the stream.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "guest/codec.h"

static void there_and_back(struct codec *codec, const uint8_t *cluster, size_t size)
{
    uint8_t *stream = malloc(size), *again = malloc(size);
    ssize_t n;

    fuzz_require(stream != NULL && again != NULL);
    n = codec_compress(codec, cluster, size, stream);
    fuzz_require(n >= 0 && (size_t)n < size);
    if (n > 0) {
        fuzz_require(codec_decompress(codec, stream, (size_t)n, again, size) == 0);
        fuzz_require(memcmp(cluster, again, size) == 0);
    }
    free(stream);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct compression compression = { .type = COMPRESSION_DEFLATE };
    struct codec *codec;
    size_t cluster_size;
    uint8_t *cluster;

    if (size < 2)
        return 0;
    if (data[0] % 2)
        compression.type = COMPRESSION_ZSTD;
    compression.level = data[0] / 2 % 8 - 2; /* from LEVEL_BEST on */
    if (compression.type == COMPRESSION_DEFLATE && data[0] / 16)
        compression.window = 7 + data[0] / 16 / 2;
    if (compression.window < 9)
        compression.window = 0;
    codec = codec_new(&compression);
    cluster_size = (size_t)1 << (MIN_CLUSTER_BITS + data[1] % 9);
    cluster = calloc(1, cluster_size);
    fuzz_require(codec != NULL && cluster != NULL);
    if (codec_decompress(codec, data + 2, size - 2, cluster, cluster_size) == -1)
        memcpy(cluster, data + 2, min_u64(size - 2, cluster_size));
    there_and_back(codec, cluster, cluster_size);
    free(cluster);
    codec_free(codec);
    return 0;
}
