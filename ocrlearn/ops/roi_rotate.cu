// RoIRotate (FOTS): bilinear samples of rotated boxes, upright, at one height; and the gradient.
//
// A thread takes one sample of one box in CHANNELS channels: where it lies and how the four features
// around it are weighed is the same for all channels, and the loads of the channels do not wait for
// one another. The threads of a warp take neighbouring columns, so they write side by side and read
// along a line of the map, which for text near the horizontal is a few cache lines. The result is
// written once and is the larger part of what device memory sees; the map is read from the caches,
// four loads for each sample and channel, and their rate is what bounds the kernel.
//
// The gradient runs the same way back with atomic additions, since neighbouring samples and
// overlapping boxes share features. Their order is not fixed, so the last bits may differ from run
// to run.

// Variants: Real=float; Real=double

#define CHANNELS 4  // as CHANNELS_PER_THREAD in roi_rotate.py

// What a thread works on: a sample, and the four features around it.
struct Sample {
    int channel, count;   // channels from `channel` on
    Index input, output;  // of the first channel, in the features and in the crops
    int place[4];         // of the features, in a channel
    Real weight[4];       // all 0 in the padding, and where a sample lies outside the map
};

__device__ __forceinline__ bool find_sample(
    const int* images, const Real* frames, const int* widths, int channels, int height, int width,
    int rois, int crop_height, int crop_width, Sample* sample)
{
    const Index thread = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    const int crop = crop_height * crop_width, groups = (channels + CHANNELS - 1) / CHANNELS;
    if (thread >= (Index)rois * groups * crop) return false;
    const int cell = thread % crop, roi = thread / crop / groups;
    const int i = cell / crop_width, j = cell % crop_width;
    sample->channel = thread / crop % groups * CHANNELS;
    sample->count = min(CHANNELS, channels - sample->channel);
    sample->input = ((Index)images[roi] * channels + sample->channel) * height * width;
    sample->output = ((Index)roi * channels + sample->channel) * crop + cell;

    const Real* frame = frames + 6 * roi;
    Real x = frame[0] + j * frame[2] + i * frame[4];
    Real y = frame[1] + j * frame[3] + i * frame[5];
    // One pixel outside the map, and nearer, counts as the edge; farther away is 0.
    const bool counts = j < widths[roi] && x >= -1 && x <= width && y >= -1 && y <= height;
    const Real one = counts ? 1 : 0;
    x = counts ? min(max(x, Real(0)), Real(width - 1)) : Real(0);
    y = counts ? min(max(y, Real(0)), Real(height - 1)) : Real(0);
    const int left = (int)x, top = (int)y;
    const int right = min(left + 1, width - 1), bottom = min(top + 1, height - 1);
    const Real u = x - left, v = y - top;
    sample->place[0] = top * width + left;
    sample->place[1] = top * width + right;
    sample->place[2] = bottom * width + left;
    sample->place[3] = bottom * width + right;
    sample->weight[0] = one * (1 - v) * (1 - u);
    sample->weight[1] = one * (1 - v) * u;
    sample->weight[2] = one * v * (1 - u);
    sample->weight[3] = one * v * u;
    return true;
}

// frames: x, y of the first sample, the step to the next column and the step to the next row, in
// indices of the map. widths: columns that are not padding.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
rotate(const Real* __restrict__ features,  // [batch * channels * height * width]
       const int* __restrict__ images,     // [rois]
       const Real* __restrict__ frames,    // [rois * 6]
       const int* __restrict__ widths,     // [rois]
       int batch, int channels, int height, int width, int rois, int crop_height, int crop_width,
       Real* crops)                        // [rois * channels * crop_height * crop_width]
{
    Sample sample;
    if (!find_sample(images, frames, widths, channels, height, width, rois, crop_height, crop_width,
                     &sample)) return;
    const Real* plane = features + sample.input;
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k, plane += (Index)height * width)
        if (k < sample.count)
            crops[sample.output + (Index)k * crop_height * crop_width] =
                sample.weight[0] * plane[sample.place[0]] +
                sample.weight[1] * plane[sample.place[1]] +
                sample.weight[2] * plane[sample.place[2]] +
                sample.weight[3] * plane[sample.place[3]];
}

// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
rotate_gradient(const Real* __restrict__ gradient,  // [rois * channels * crop_height * crop_width]
                const int* __restrict__ images,     // [rois]
                const Real* __restrict__ frames,    // [rois * 6]
                const int* __restrict__ widths,     // [rois]
                int batch, int channels, int height, int width, int rois, int crop_height,
                int crop_width,
                Real* result)                       // [batch * channels * height * width]
{
    Sample sample;
    if (!find_sample(images, frames, widths, channels, height, width, rois, crop_height, crop_width,
                     &sample)) return;
    Real* plane = result + sample.input;
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k, plane += (Index)height * width) {
        if (k >= sample.count) break;
        const Real share = gradient[sample.output + (Index)k * crop_height * crop_width];
        #pragma unroll
        for (int corner = 0; corner < 4; ++corner)
            if (sample.weight[corner] != 0)
                atomicAdd(&plane[sample.place[corner]], share * sample.weight[corner]);
    }
}
