// The two steps of K-means: assignment of points to their nearest centres, and update of the centres.
//
// Assignment reads a point once and compares it with all centres, so it is bound by arithmetic as
// soon as there are more than a few: 3 D + 2 instructions for each pair. Every thread of a block needs
// every centre, and all at the same moment, so the block copies the centres to shared memory, where
// one address read by a whole warp is a broadcast. A thread keeps several points in registers and
// uses each centre it has read for all of them.
//
// Update is a histogram with D + 1 numbers a bin. Adding with atomics would be slow exactly for images,
// where neighbours have the same label and collide. Instead every thread has sums of its own in
// shared memory, laid out so that thread t's lie in bank t: no atomics, no bank conflicts. The sums
// are then joined in a fixed order, in the block and by a second kernel, so that the result is the
// same, bit by bit, every time.
//
// Variants: D=3; D=1; D=5; D=16

#ifndef D
#define D 3
#endif
#if D <= 8
#define POINTS 4  // points a thread; kmeans.py knows the same rule
#else
#define POINTS 1
#endif

// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
assign(const float* points,   // [count * D]
       const float* centres,  // [clusters * D]
       int count, int clusters,
       int tile,              // how many centres shared memory holds
       int* labels,           // [count]
       float* squared)        // [count]
{
    extern __shared__ float shared_centres[];  // [tile * D]

    // A block owns blockDim.x * POINTS neighbouring points. A thread takes every blockDim.x-th, so that
    // in each step the threads of a warp read neighbouring points.
    Index first = (Index)blockIdx.x * blockDim.x * POINTS + threadIdx.x;
    float point[POINTS][D], best[POINTS];
    int label[POINTS];
    for (int p = 0; p < POINTS; ++p) {
        Index i = first + p * (Index)blockDim.x;
        best[p] = __int_as_float(0x7f800000);  // infinity
        label[p] = 0;
        for (int d = 0; d < D; ++d) point[p][d] = i < count ? points[i * D + d] : 0.0f;
    }

    for (int start = 0; start < clusters; start += tile) {
        int present = min(tile, clusters - start);
        __syncthreads();  // nobody reads the tile before any more
        for (int i = threadIdx.x; i < present * D; i += blockDim.x)
            shared_centres[i] = centres[(Index)start * D + i];
        __syncthreads();
        for (int c = 0; c < present; ++c) {
            float distance[POINTS];
            for (int p = 0; p < POINTS; ++p) distance[p] = 0.0f;
            for (int d = 0; d < D; ++d) {
                float centre = shared_centres[c * D + d];
                for (int p = 0; p < POINTS; ++p) {
                    float difference = point[p][d] - centre;
                    distance[p] += difference * difference;
                }
            }
            for (int p = 0; p < POINTS; ++p) {
                bool closer = distance[p] < best[p];  // of equals the first stays
                best[p] = closer ? distance[p] : best[p];
                label[p] = closer ? start + c : label[p];
            }
        }
    }

    for (int p = 0; p < POINTS; ++p) {
        Index i = first + p * (Index)blockDim.x;
        if (i < count) {
            labels[i] = label[p];
            squared[i] = best[p];
        }
    }
}

// Adds up the points of each cluster: block x goes over its share of the points, block y over a tile of
// the clusters. Entry e of a cluster is the sum of coordinate e, or for e = D the number of points. As
// float, that is exact up to 2^24 points a block.
//
// Budget: 80 registers: shared memory limits the number of threads, not these
extern "C" __global__ void __launch_bounds__(256)
partial_sums(const float* points,  // [count * D]
             const int* labels,    // [count]
             int count, int clusters,
             int tile,             // how many clusters shared memory holds
             float* partial)       // [clusters * (D + 1) * gridDim.x]
{
    extern __shared__ float sums[];  // [tile * (D + 1)][blockDim.x], a column for each thread

    int first_cluster = blockIdx.y * tile;
    int present = min(tile, clusters - first_cluster);
    for (int row = 0; row < present * (D + 1); ++row) sums[row * blockDim.x + threadIdx.x] = 0.0f;

    // Shared memory leaves room for few warps, too few to hide how long a read takes. So a thread reads
    // POINTS points at once; 64 bits, because the last of them may lie far beyond the end.
    long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += POINTS * step) {
        float point[POINTS][D];
        int cluster[POINTS];
#pragma unroll
        for (int p = 0; p < POINTS; ++p) {
            long long at = i + p * step;
            cluster[p] = at < count ? labels[at] - first_cluster : -1;
            for (int d = 0; d < D; ++d) point[p][d] = at < count ? points[at * D + d] : 0.0f;
        }
#pragma unroll
        for (int p = 0; p < POINTS; ++p) {
            if (cluster[p] < 0 || cluster[p] >= present) continue;
            float* column = sums + cluster[p] * (D + 1) * blockDim.x + threadIdx.x;
            float before[D + 1];
            for (int d = 0; d <= D; ++d) before[d] = column[d * blockDim.x];
            for (int d = 0; d < D; ++d) column[d * blockDim.x] = before[d] + point[p][d];
            column[D * blockDim.x] = before[D] + 1.0f;
        }
    }
    __syncthreads();

    // Now a thread adds up whole rows. Starting each at another column keeps them on different banks.
    // blockDim.x is a power of two.
    for (int row = threadIdx.x; row < present * (D + 1); row += blockDim.x) {
        float total = 0.0f;
        for (int turn = 0; turn < blockDim.x; ++turn)
            total += sums[row * blockDim.x + ((turn + threadIdx.x) & (blockDim.x - 1))];
        partial[((Index)first_cluster * (D + 1) + row) * gridDim.x + blockIdx.x] = total;
    }
}

// One warp a cluster joins what the blocks found and divides.
//
// Budget: 48 registers
extern "C" __global__ void __launch_bounds__(32)
finish(const float* partial,  // [clusters * (D + 1) * blocks]
       int clusters,
       int blocks,            // of partial_sums
       float* centres,        // [clusters * D]
       long long* counts)     // [clusters]
{
    int cluster = blockIdx.x;
    double number = 0.0;
    for (int entry = D; entry >= 0; --entry) {  // the count comes first
        const float* row = partial + ((Index)cluster * (D + 1) + entry) * blocks;
        double total = 0.0;
        for (int block = threadIdx.x; block < blocks; block += 32) total += row[block];
        for (int distance = 16; distance > 0; distance /= 2)
            total += __shfl_xor_sync(0xffffffffu, total, distance);
        if (entry == D) {
            number = total;
            if (threadIdx.x == 0) counts[cluster] = (long long)number;
        } else if (threadIdx.x == 0) {
            centres[cluster * D + entry] = number > 0.0 ? (float)(total / number) : 0.0f;
        }
    }
}
