// The nearest of a few centres for every point. Each block copies the centres into shared memory first.
//
// Dynamic shared memory: (clusters * D + clusters) floats.
#ifndef D
#define D 3
#endif

extern "C" __global__ void __launch_bounds__(256)
assign(const float* __restrict__ points,   // [count * D]
       const float* __restrict__ centres,  // [clusters * D]
       int count, int clusters,
       int* __restrict__ labels,           // [count]
       float* __restrict__ distances)      // [count]
{
    extern __shared__ float centre[];
    float* half_norm = centre + clusters * D;
    for (int i = threadIdx.x; i < clusters * D; i += blockDim.x)
        centre[i] = centres[i];
    __syncthreads();  // centres are copied
    for (int j = threadIdx.x; j < clusters; j += blockDim.x) {
        float sum = 0.0f;
        for (int d = 0; d < D; ++d)
            sum = fmaf(centre[j * D + d], centre[j * D + d], sum);
        half_norm[j] = 0.5f * sum;
    }
    __syncthreads();  // norms are known
    // |p - c|^2 = |p|^2 + 2 (|c|^2 / 2 - p c), and the first term is the same for all centres.
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        float point[D], norm = 0.0f;
        for (int d = 0; d < D; ++d) {
            point[d] = points[i * D + d];
            norm = fmaf(point[d], point[d], norm);
        }
        float least = 3.0e38f;
        int nearest = 0;
        for (int j = 0; j < clusters; ++j) {
            float score = half_norm[j];
            for (int d = 0; d < D; ++d)
                score = fmaf(-point[d], centre[j * D + d], score);
            if (score < least) {
                least = score;
                nearest = j;
            }
        }
        labels[i] = nearest;
        distances[i] = fmaxf(2.0f * least + norm, 0.0f);
    }
}
