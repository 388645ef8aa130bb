// A tour of what kernels may use. Each must give the same numbers in the emulator and on a GPU.

#define LENGTH 128

__constant__ float taps[3] = {0.25f, 0.5f, 0.25f};
__device__ int visits = 0;

// ---- types ------------------------------------------------------------------------------------------

extern "C" __global__ void reverse_lanes(const float4* __restrict__ from,  // [count]
                                         float4* to,                       // [count]
                                         int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        float4 v = from[i];
        to[i] = make_float4(v.w, v.z, v.y, v.x);
    }
}

template <int COUNT, class T> __device__ T dot(const T* a, const T* b)
{
    T sum = 0;
#pragma unroll
    for (int i = 0; i < COUNT; ++i)
        sum += a[i] * b[i];
    return sum;
}

extern "C" __global__ void sum_of_squares(const double* values,  // [32]
                                          double* total)         // [1]
{
    __shared__ double row[4][8];
    row[threadIdx.x / 8][threadIdx.x % 8] = values[threadIdx.x];
    __syncthreads();
    if (threadIdx.x < 4)
        atomicAdd(total, dot<8, double>(row[threadIdx.x], row[threadIdx.x]));
}

template <class A, class B> struct Pair {
    A first;
    B second;
};

extern "C" __global__ void swap_pairs(const int* __restrict__ from,  // [2 * blockDim.x]
                                      int* __restrict__ to)          // [2 * blockDim.x]
{
    __shared__ Pair<int, short> pairs[64], *unused;
    __shared__ unsigned char flags[64];
    int i = threadIdx.x, other = blockDim.x - 1 - i;
    pairs[i] = {from[2 * i], (short)from[2 * i + 1]};
    flags[i] = from[2 * i] & 1;
    __syncthreads();
    to[2 * i] = pairs[other].second;
    to[2 * i + 1] = pairs[other].first + flags[other];
    if (to == nullptr)
        unused = pairs;
}

// ---- memory of the device ---------------------------------------------------------------------------

extern "C" __global__ void blur(const float* from,  // [count]
                                float* to,          // [count]
                                int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i > 0 && i < count - 1)
        to[i] = taps[0] * from[i - 1] + taps[1] * from[i] + taps[2] * from[i + 1];
}

extern "C" __global__ void count_visits(int* before)  // [gridDim.x]
{
    if (threadIdx.x == 0)
        before[blockIdx.x] = atomicAdd(&visits, 1);
}

// ---- warps ------------------------------------------------------------------------------------------

extern "C" __global__ void scan_warp(const int* from,  // [blockDim.x]
                                     int* to)          // [blockDim.x]
{
    int value = from[threadIdx.x], lane = threadIdx.x % 32;
    for (int offset = 1; offset < 32; offset *= 2) {
        int below = __shfl_up_sync(0xffffffffu, value, offset);
        if (lane >= offset)
            value += below;
    }
    to[threadIdx.x] = value;
}

extern "C" __global__ void shuffles(const int* from,  // [32]
                                    int* to)          // [5 * 32]
{
    int lane = threadIdx.x, value = from[lane];
    to[lane] = __shfl_sync(0xffffffffu, value, 3);
    to[32 + lane] = __shfl_xor_sync(0xffffffffu, value, 5);
    to[64 + lane] = __shfl_down_sync(0xffffffffu, value, 2, 8);
    to[96 + lane] = __shfl_up_sync(0xffffffffu, value, 2, 8);
    to[128 + lane] = __reduce_max_sync(0xffffffffu, value);
}

extern "C" __global__ void votes(const int* from,    // [32]
                                 unsigned int* to)   // [6 * 32]
{
    int lane = threadIdx.x, value = from[lane];
    to[lane] = __match_any_sync(0xffffffffu, value);
    to[32 + lane] = __any_sync(0xffffffffu, value > 90);
    to[64 + lane] = __all_sync(0xffffffffu, value > 80);
    to[96 + lane] = __ballot_sync(0xffffffffu, value % 2);
    to[128 + lane] = __syncthreads_count(value % 2);
    to[160 + lane] = __syncthreads_or(value == 90) + 2 * __syncthreads_and(value > 80);
}

// ---- bits and arithmetic ----------------------------------------------------------------------------

extern "C" __global__ void bits(const unsigned int* from,  // [32]
                                int* to)                   // [4 * 32]
{
    unsigned int value = from[threadIdx.x];
    to[threadIdx.x] = __popc(value);
    to[32 + threadIdx.x] = __clz(value);
    to[64 + threadIdx.x] = __ffs(value);
    to[96 + threadIdx.x] = (int)__brev(value);
}

extern "C" __global__ void atomics(const int* values,  // [blockDim.x]
                                   int* results)       // [8]
{
    int value = values[threadIdx.x];
    atomicAdd(&results[0], value);
    atomicSub(&results[1], value);
    atomicMin(&results[2], value);
    atomicMax(&results[3], value);
    atomicAnd(&results[4], value);
    atomicOr(&results[5], value);
    atomicXor(&results[6], value);
    atomicCAS(&results[7], 0, 7);
}

// ---- patterns ---------------------------------------------------------------------------------------

// The last block to finish adds what all have written.
extern "C" __global__ void sum_by_last_block(const float* values,    // [count]
                                             float* partial,         // [gridDim.x]
                                             float* total,           // [1]
                                             unsigned int* ticket,   // [1]
                                             int count)
{
    __shared__ float sums[LENGTH];
    __shared__ bool is_last;
    float sum = 0;
    for (int i = blockIdx.x * LENGTH + threadIdx.x; i < count; i += gridDim.x * LENGTH)
        sum += values[i];
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int half = LENGTH / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        ((volatile float*)partial)[blockIdx.x] = sums[0];
        __threadfence();
        is_last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (is_last && threadIdx.x == 0) {
        float all = 0;
        for (int block = 0; block < gridDim.x; ++block)
            all += ((volatile float*)partial)[block];
        *total = all;
    }
}

// Two arrays share the dynamic memory; every step of the loop has a barrier.
extern "C" __global__ void running_maximum(const int* values,  // [count]
                                           int count,
                                           int* maxima)        // [count]
{
    extern __shared__ int old[];
    int* next = old + count;
    int i = threadIdx.x;
    if (i < count)
        old[i] = values[i];
    __syncthreads();
    for (int offset = 1; offset < count; offset *= 2) {
        if (i < count)
            next[i] = i >= offset ? max(old[i], old[i - offset]) : old[i];
        __syncthreads();
        if (i < count)
            old[i] = next[i];
        __syncthreads();
    }
    if (i < count)
        maxima[i] = old[i];
}

// The last warp of a block of 48 threads has 16 lanes.
extern "C" __global__ void sum_part_of_a_warp(const int* values,  // [blockDim.x]
                                              int* sums)          // [(blockDim.x + 31) / 32]
{
    int lane = threadIdx.x % 32, rest = blockDim.x - threadIdx.x / 32 * 32;
    int lanes = rest < 32 ? rest : 32, value = values[threadIdx.x];
    unsigned int mask = lanes == 32 ? 0xffffffffu : (1u << lanes) - 1;
    for (int offset = 16; offset > 0; offset /= 2) {
        int other = __shfl_down_sync(mask, value, offset);
        if (lane + offset < lanes)
            value += other;
    }
    if (lane == 0)
        sums[threadIdx.x / 32] = value;
}

// Where is a thread? One number for every thread of a grid of three axes.
extern "C" __global__ void number_threads(int* numbers,  // [gridDim.x * gridDim.y * gridDim.z * blockDim.x * blockDim.y * blockDim.z]
                                          int* sides)    // [6]
{
    dim3 block = blockDim;
    int block_number = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    int thread_number = threadIdx.x + block.x * (threadIdx.y + block.y * threadIdx.z);
    int size = block.x * block.y * block.z;
    numbers[block_number * size + thread_number] = block_number * 10000 + thread_number;
    if (block_number == 0 && thread_number == 0) {
        sides[0] = gridDim.x, sides[1] = gridDim.y, sides[2] = gridDim.z;
        sides[3] = blockDim.x, sides[4] = blockDim.y, sides[5] = blockDim.z;
    }
}
