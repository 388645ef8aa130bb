// The sum of an array: by shuffles in each warp, by shared memory in each block, by an atomic in the grid.
__device__ float warp_sum(float value)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_down_sync(0xffffffffu, value, offset);
    return value;
}

extern "C" __global__ void sum(const float* __restrict__ values,  // [count]
                               int count,
                               float* __restrict__ partial,       // [gridDim.x]
                               float* total)                      // [1]
{
    __shared__ float of_warp[32];
    float value = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
        value += values[i];
    value = warp_sum(value);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0)
        of_warp[warp] = value;
    __syncthreads();
    if (warp == 0) {
        value = lane < blockDim.x / 32 ? of_warp[lane] : 0.0f;
        value = warp_sum(value);
        if (lane == 0) {
            partial[blockIdx.x] = value;
            atomicAdd(total, value);
        }
    }
}
