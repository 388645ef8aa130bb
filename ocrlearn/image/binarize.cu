// Thresholds: the histogram and Otsu's threshold from it, a page parted at it, and Sauvola's formula.
//
// A histogram is many threads adding to few counters. In global memory they would queue for the same
// 256 addresses, so each block counts for itself in shared memory, and adds its counts to the result
// at the end (privatisation). On a page nearly all pixels are paper, and the 32 lanes of a warp would
// still queue for one counter. So every lane gets a column of counters of its own: counter
// [level][lane] lies in memory bank `lane`, and no two lanes of a warp ever meet.
//
// Sauvola's threshold reads the summed-area tables of ops/integral.cu, whose entries may have
// wrapped around; window_sum says why that does no harm.
//
// Variants: Pixel=unsigned char,Sum=unsigned int; Pixel=unsigned char,Sum=long long; Pixel=float,Sum=double; Pixel=double,Sum=double

#define THREADS 256
#define CHUNK 32768  // pixels that a block of `histogram` counts

// 32 KB of shared memory. Reading 16 pixels at once keeps the memory busy; as they must begin at a
// multiple of 16 bytes, the few before and after are counted one by one.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
histogram(const unsigned char* pixels,  // [size]
          Index size,
          unsigned long long* counts)  // [256]
{
    __shared__ unsigned int counters[256][32];
    int lane = threadIdx.x % 32;
    for (int i = threadIdx.x; i < 256 * 32; i += THREADS) counters[i / 32][i % 32] = 0;
    __syncthreads();

    Index start = (Index)blockIdx.x * CHUNK;
    int count = (int)min((Index)CHUNK, size - start);
    const unsigned char* chunk = pixels + start;
    int before = min((int)(-(size_t)chunk & 15), count);
    int words = (count - before) / 16;
    int after = before + 16 * words;
    if (threadIdx.x < before) atomicAdd(&counters[chunk[threadIdx.x]][lane], 1);
    if (threadIdx.x < count - after) atomicAdd(&counters[chunk[after + threadIdx.x]][lane], 1);
    const uint4* aligned = (const uint4*)(chunk + before);
    for (int i = threadIdx.x; i < words; i += THREADS) {
        uint4 sixteen = aligned[i];
        unsigned int fours[4] = {sixteen.x, sixteen.y, sixteen.z, sixteen.w};
#pragma unroll
        for (int k = 0; k < 16; ++k)
            atomicAdd(&counters[fours[k / 4] >> (8 * (k % 4)) & 255][lane], 1);
    }
    __syncthreads();

    // One thread a level. Beginning with a different column, the lanes read different banks.
    unsigned int total = 0;
    for (int i = 0; i < 32; ++i) total += counters[threadIdx.x][(threadIdx.x + i) % 32];
    if (total) atomicAdd(&counts[threadIdx.x], (unsigned long long)total);
}

// Inclusive running sum over the 256 threads of the block; `totals` are those of its eight warps.
__device__ long long scan_block(long long value, long long* totals)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (int distance = 1; distance < 32; distance *= 2) {
        long long before = __shfl_up_sync(0xffffffffu, value, distance);
        if (lane >= distance) value += before;
    }
    if (lane == 31) totals[warp] = value;
    __syncthreads();
    for (int other = 0; other < warp; ++other) value += totals[other];
    return value;
}

// One block, one thread a level: thread `level` weighs the two classes parted after it. The best
// level, and of equals the lowest, goes to split[0]; split[1] says whether there were two grays.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
otsu(const unsigned long long* counts,  // [256]
     int* split)                        // [2]
{
    __shared__ long long count_totals[8];
    __shared__ long long sum_totals[8];
    __shared__ double variances[256];
    __shared__ int levels[256];
    int level = threadIdx.x;
    long long count = (long long)counts[level];
    long long dark_count = scan_block(count, count_totals);
    long long dark_sum = scan_block(level * count, sum_totals);
    long long all = 0, all_sum = 0;
    for (int warp = 0; warp < 8; ++warp) {
        all += count_totals[warp];
        all_sum += sum_totals[warp];
    }
    long long bright_count = all - dark_count, bright_sum = all_sum - dark_sum;
    double variance = 0.0;
    if (dark_count > 0 && bright_count > 0) {
        double bright_mean = (double)bright_sum / (double)bright_count;
        double distance = bright_mean - (double)dark_sum / (double)dark_count;
        variance = (double)(dark_count * bright_count) * (distance * distance);
    }
    variances[level] = variance;
    levels[level] = level;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (level >= half) continue;
        double rival = variances[level + half];
        bool better = rival > variances[level];
        if (better || (rival == variances[level] && levels[level + half] < levels[level])) {
            variances[level] = rival;
            levels[level] = levels[level + half];
        }
    }
    if (count == all) split[0] = level;  // the only gray
    if (level == 0) {
        split[1] = variances[0] > 0.0;
        if (variances[0] > 0.0) split[0] = levels[0];
    }
}

// Ink is what lies at or below the threshold, which is still on the GPU; a single gray has no ink.
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
part_at(const unsigned char* pixels,  // [size]
        Index size,
        const int* split,     // [2]
        unsigned char* mask)  // [size]
{
    int level = split[1] ? split[0] : -1;
    Index start = (Index)blockIdx.x * (16 * THREADS) + threadIdx.x;
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        Index pixel = start + i * THREADS;
        if (pixel < size) mask[pixel] = pixels[pixel] <= level;
    }
}

// Sum over the window whose top left corner is (y, x), by four look-ups. Where Sum is unsigned, the
// entries may have wrapped around at 2**32; their difference is right if the window's sum is smaller.
__device__ Sum window_sum(const Sum* table, Index stride, int window, int y, int x)
{
    const Sum* upper = table + (Index)y * stride + x;
    const Sum* lower = upper + (Index)window * stride;
    return lower[window] - upper[window] - lower[0] + upper[0];
}

__device__ double sauvola_at(const Sum* sums, const Sum* squares, Sum offset, int width, int window,
                             double k, double dynamic_range, int y, int x)
{
    Index stride = width + window;
    double area = (double)window * window;
    double centred = window_sum(sums, stride, window, y, x) / area;
    double variance = window_sum(squares, stride, window, y, x) / area - centred * centred;
    double deviation = sqrt(fmax(variance, 0.0));
    return (centred + (double)offset) * (1.0 + k * (deviation / dynamic_range - 1.0));
}

// The threshold of every pixel.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
sauvola_threshold(const Sum* sums,     // [(height + window) * (width + window)]
                  const Sum* squares,  // [(height + window) * (width + window)]
                  const Sum* offset,   // [1]
                  int height, int width, int window, double k, double dynamic_range,
                  double* threshold)  // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    threshold[(Index)y * width + x] =
        sauvola_at(sums, squares, offset[0], width, window, k, dynamic_range, y, x);
}

// Ink at once: the thresholds, eight bytes a pixel, are never stored. An image of a single gray, whose
// extremes are equal, has no ink.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
sauvola_ink(const Pixel* image,  // [height * width]
            const Sum* sums,     // [(height + window) * (width + window)]
            const Sum* squares,  // [(height + window) * (width + window)]
            const Sum* offset,   // [1]
            const Pixel* lowest,   // [1]
            const Pixel* highest,  // [1]
            int height, int width, int window, double k, double dynamic_range,
            unsigned char* mask)  // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index pixel = (Index)y * width + x;
    double threshold =
        sauvola_at(sums, squares, offset[0], width, window, k, dynamic_range, y, x);
    mask[pixel] = *lowest != *highest && (double)image[pixel] <= threshold;
}
