// Position-sensitive RoI pooling (R-FCN) and its gradient.
//
// Every output reads a window of a channel that no other output of the same box reads, so there is
// nothing to share: one thread for each box, channel and bin. Neighbouring threads are neighbouring
// bins and read far-apart channels, so a warp's loads do not coalesce; that lies in the operation.
// The windows are small (a few pixels a side), and their lines serve the overlapping boxes of an
// image from the second-level cache. Time goes into the latency of these loads, which many threads
// of few registers hide.
//
// The gradient adds the same share to every pixel of the window, atomically because boxes overlap.

// Variants: Real=float; Real=double

// The window of one output, and the channel that it lies in.
struct Window {
    int left, top, right, bottom;
    Index plane;  // offset of the channel

    __device__ __forceinline__ int pixels() const { return max((right - left) * (bottom - top), 1); }
};

__device__ __forceinline__ Window find_window(
    Index output, const int* images, const int* boxes, int height, int width, int channels,
    int bins_y, int bins_x)
{
    const int bins = bins_y * bins_x;
    const int j = output % bins_x, i = output / bins_x % bins_y;
    const int channel = output / bins % channels, roi = output / bins / channels;
    const int* box = boxes + 4 * roi;
    Window window;
    // Whole numbers: bin i of n begins at floor(i * size / n) and ends before ceil((i + 1) * size / n).
    window.left = max(box[0] + j * box[2] / bins_x, 0);
    window.right = max(min(box[0] + ((j + 1) * box[2] + bins_x - 1) / bins_x, width), window.left);
    window.top = max(box[1] + i * box[3] / bins_y, 0);
    window.bottom = max(min(box[1] + ((i + 1) * box[3] + bins_y - 1) / bins_y, height), window.top);
    const Index input = ((Index)images[roi] * channels + channel) * bins + i * bins_x + j;
    window.plane = input * height * width;
    return window;
}

// boxes: x, y of the first pixel, width and height.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
ps_pool(const Real* __restrict__ features,  // [batch * channels * bins_y * bins_x * height * width]
        const int* __restrict__ images,     // [rois]
        const int* __restrict__ boxes,      // [rois * 4]
        int batch, int height, int width, int rois, int channels, int bins_y, int bins_x,
        Real* pooled)                       // [rois * channels * bins_y * bins_x]
{
    const Index output = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (output >= (Index)rois * channels * bins_y * bins_x) return;
    const Window window =
        find_window(output, images, boxes, height, width, channels, bins_y, bins_x);
    Real sum = 0;
    for (int y = window.top; y < window.bottom; ++y)
        for (int x = window.left; x < window.right; ++x)
            sum += features[window.plane + (Index)y * width + x];
    pooled[output] = sum / window.pixels();
}

// Budget: 48 registers
extern "C" __global__ void __launch_bounds__(256)
ps_pool_gradient(const Real* __restrict__ gradient,  // [rois * channels * bins_y * bins_x]
                 const int* __restrict__ images,     // [rois]
                 const int* __restrict__ boxes,      // [rois * 4]
                 int batch, int height, int width, int rois, int channels, int bins_y, int bins_x,
                 Real* result)  // [batch * channels * bins_y * bins_x * height * width]
{
    const Index output = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (output >= (Index)rois * channels * bins_y * bins_x) return;
    const Window window =
        find_window(output, images, boxes, height, width, channels, bins_y, bins_x);
    const Real share = gradient[output] / window.pixels();
    for (int y = window.top; y < window.bottom; ++y)
        for (int x = window.left; x < window.right; ++x)
            atomicAdd(&result[window.plane + (Index)y * width + x], share);
}
