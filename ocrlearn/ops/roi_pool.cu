// RoIPool and rotated RoI pooling, forward, and their one gradient.
//
// Every bin of every box is independent, so a thread takes one bin and scans its pixels. Finding the
// limits of the bin, or which pixels of a rotated bin are inside, costs more than looking at a
// feature, so a thread does it once for CHANNELS channels and keeps that many maxima in registers;
// their loads do not wait for one another. Threads of a warp are neighbouring bins of one box: they
// read neighbouring pixels, which the caches serve, and write neighbouring results.
//
// The kernels are bound by the latency of scattered loads, not by arithmetic: what they must move is
// the pixels under the boxes once and the results once.
//
// The gradient goes to the places that the forward pass noted. Boxes overlap, so two threads may add
// to the same feature, and addition must be atomic; with one thread for each bin and channel, the
// atomics of a warp fall on different addresses nearly always.

// Variants: Real=float; Real=double

#define CHANNELS 4     // as CHANNELS_PER_THREAD in roi_pool.py
#define BORDER 1e-3    // as BORDER in roi_pool.py

// Write a thread's maxima; `places` is -1 where the bin has no pixel.
__device__ __forceinline__ void write_maxima(
    const Real* greatest, const int* places, Index first, Index stride, int count,
    Real* pooled, int* argmax)
{
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k) {
        if (k < count) {
            pooled[first + k * stride] = places[k] >= 0 ? greatest[k] : Real(0);
            argmax[first + k * stride] = places[k];
        }
    }
}

// Compare one pixel with the maxima so far. The first pixel is taken whatever it holds.
__device__ __forceinline__ void look(
    const Real* features, Index plane, int place, int count, Real* greatest, int* places)
{
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k) {
        if (k < count) {
            const Real value = features[k * plane + place];
            if (places[k] < 0 || value > greatest[k]) {
                greatest[k] = value;
                places[k] = place;
            }
        }
    }
}

// RoIPool. boxes: x, y of the first pixel, width and height.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
pool(const Real* __restrict__ features,  // [batch * channels * height * width]
     const int* __restrict__ images,     // [rois]
     const int* __restrict__ boxes,      // [rois * 4]
     int batch, int channels, int height, int width, int rois, int bins_y, int bins_x,
     Real* pooled,                       // [rois * channels * bins_y * bins_x]
     int* argmax)                        // [rois * channels * bins_y * bins_x]
{
    const Index thread = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    const int bins = bins_y * bins_x, groups = (channels + CHANNELS - 1) / CHANNELS;
    if (thread >= (Index)rois * groups * bins) return;
    const int bin = thread % bins, roi = thread / bins / groups;
    const int channel = thread / bins % groups * CHANNELS;
    const int count = min(CHANNELS, channels - channel);

    // Whole numbers: bin i of n begins at floor(i * size / n) and ends before ceil((i + 1) * size / n).
    const int* box = boxes + 4 * roi;
    const int i = bin / bins_x, j = bin % bins_x;
    const int left = max(box[0] + j * box[2] / bins_x, 0);
    const int right = min(box[0] + ((j + 1) * box[2] + bins_x - 1) / bins_x, width);
    const int top = max(box[1] + i * box[3] / bins_y, 0);
    const int bottom = min(box[1] + ((i + 1) * box[3] + bins_y - 1) / bins_y, height);

    const Index plane = (Index)height * width;
    const Real* first = features + ((Index)images[roi] * channels + channel) * plane;
    Real greatest[CHANNELS] = {};
    int places[CHANNELS] = {-1, -1, -1, -1};
    for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x)
            look(first, plane, y * width + x, count, greatest, places);
    write_maxima(greatest, places, ((Index)roi * channels + channel) * bins + bin, bins, count,
                 pooled, argmax);
}

// Rotated pooling. boxes: x, y of the top-left corner, the unit vector along the text, the one down
// the text, and the width and height of a bin.
// Budget: 80 registers: in double; in float 56 are enough
extern "C" __global__ void __launch_bounds__(256)
pool_rotated(const Real* __restrict__ features,  // [batch * channels * height * width]
             const int* __restrict__ images,     // [rois]
             const Real* __restrict__ boxes,     // [rois * 8]
             int batch, int channels, int height, int width, int rois, int bins_y, int bins_x,
             Real* pooled,                       // [rois * channels * bins_y * bins_x]
             int* argmax)                        // [rois * channels * bins_y * bins_x]
{
    const Index thread = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    const int bins = bins_y * bins_x, groups = (channels + CHANNELS - 1) / CHANNELS;
    if (thread >= (Index)rois * groups * bins) return;
    const int bin = thread % bins, roi = thread / bins / groups;
    const int channel = thread / bins % groups * CHANNELS;
    const int count = min(CHANNELS, channels - channel);

    const Real* box = boxes + 8 * roi;
    const Real along_x = box[2], along_y = box[3], down_x = box[4], down_y = box[5];
    const Real length = box[6], depth = box[7], border = BORDER;
    const Real past = bin % bins_x * length, below = bin / bins_x * depth;
    const Real x0 = box[0] + past * along_x + below * down_x;
    const Real y0 = box[1] + past * along_y + below * down_y;

    // The upright box around the bin; a bin outside the map has no pixel in it.
    const Real width_x = length * along_x, depth_x = depth * down_x;
    const Real width_y = length * along_y, depth_y = depth * down_y;
    const Real zero = 0;
    const int left = max((int)ceil(x0 + min(width_x, zero) + min(depth_x, zero) - border), 0);
    const int right = min((int)floor(x0 + max(width_x, zero) + max(depth_x, zero) + border), width - 1);
    const int top = max((int)ceil(y0 + min(width_y, zero) + min(depth_y, zero) - border), 0);
    const int bottom = min((int)floor(y0 + max(width_y, zero) + max(depth_y, zero) + border), height - 1);

    const Index plane = (Index)height * width;
    const Real* first = features + ((Index)images[roi] * channels + channel) * plane;
    Real greatest[CHANNELS] = {};
    int places[CHANNELS] = {-1, -1, -1, -1};
    for (int y = top; y <= bottom; ++y) {
        for (int x = left; x <= right; ++x) {
            const Real along = (x - x0) * along_x + (y - y0) * along_y;
            const Real down = (x - x0) * down_x + (y - y0) * down_y;
            if (along >= -border && along <= length + border &&
                down >= -border && down <= depth + border)
                look(first, plane, y * width + x, count, greatest, places);
        }
    }
    write_maxima(greatest, places, ((Index)roi * channels + channel) * bins + bin, bins, count,
                 pooled, argmax);
}

// Add each bin's gradient to the feature that the bin kept.
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
scatter(const Real* __restrict__ gradient,  // [rois * channels * bins]
        const int* __restrict__ argmax,     // [rois * channels * bins]
        const int* __restrict__ images,     // [rois]
        int batch, int channels, int plane, int rois, int bins,
        Real* result)                       // [batch * channels * plane]
{
    const Index thread = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (thread >= (Index)rois * channels * bins) return;
    const int place = argmax[thread];
    if (place < 0) return;
    const int channel = thread / bins % channels, roi = thread / bins / channels;
    atomicAdd(&result[((Index)images[roi] * channels + channel) * plane + place], gradient[thread]);
}
