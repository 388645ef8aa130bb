// RoIAlign and its position-sensitive form: the mean of bilinear samples in each bin of each box.
//
// Forward, a thread takes one bin of one box in CHANNELS channels. Where the samples lie and how the
// four features around each are weighed is the same for all channels, so it is worked out once, and
// the loads of the channels do not wait for one another. Threads of a warp are neighbouring bins of a
// box, whose samples share cache lines. Loads from the second-level cache bound the kernel: four for
// each sample and channel, while device memory sees the features under the boxes about once.
//
// The gradient runs the same loop and adds instead of loading, with atomics, because neighbouring
// bins and overlapping boxes share features. The order of the additions is not fixed, so the last
// bits of the sums may differ from run to run.
//
// In the position-sensitive form every bin reads a channel of its own: output channel c of bin b
// comes from input channel c * bins + b.

// Variants: Real=float; Real=double

#define CHANNELS 4  // as CHANNELS_PER_THREAD in roi_align.py

// The four features around a point, as offsets in one channel, and their weights.
struct Corners {
    int place[4];
    Real weight[4];
};

// Find them; false where the point lies more than a pixel outside the map, whose value there is 0.
__device__ __forceinline__ bool find_corners(Real x, Real y, int height, int width, Corners* corners)
{
    if (!(x >= -1 && x <= width && y >= -1 && y <= height)) return false;
    x = min(max(x, Real(0)), Real(width - 1));
    y = min(max(y, Real(0)), Real(height - 1));
    const int left = (int)x, top = (int)y;
    const int right = min(left + 1, width - 1), bottom = min(top + 1, height - 1);
    const Real u = x - left, v = y - top;
    corners->place[0] = top * width + left;
    corners->place[1] = top * width + right;
    corners->place[2] = bottom * width + left;
    corners->place[3] = bottom * width + right;
    corners->weight[0] = (1 - v) * (1 - u);
    corners->weight[1] = (1 - v) * u;
    corners->weight[2] = v * (1 - u);
    corners->weight[3] = v * u;
    return true;
}

// What a thread works on.
struct Bin {
    int roi, channel, count;  // channels from `channel` on
    Real x, y;                // where the bin begins, in indices of the map
    Real width, height;
    int columns, rows;        // samples
    Index first, step;        // of its first input channel, and from one to the next
    Index output, stride;     // the same for the output
};

__device__ __forceinline__ bool find_bin(
    const int* images, const Real* boxes, const int* samples, int input_channels, int height,
    int width, int rois, int channels, int bins_y, int bins_x, bool position_sensitive, Bin* bin)
{
    const Index thread = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    const int bins = bins_y * bins_x, groups = (channels + CHANNELS - 1) / CHANNELS;
    if (thread >= (Index)rois * groups * bins) return false;
    const int number = thread % bins;
    bin->roi = thread / bins / groups;
    bin->channel = thread / bins % groups * CHANNELS;
    bin->count = min(CHANNELS, channels - bin->channel);

    const Real* box = boxes + 4 * bin->roi;
    bin->width = box[2];
    bin->height = box[3];
    bin->x = box[0] + number % bins_x * bin->width;
    bin->y = box[1] + number / bins_x * bin->height;
    bin->columns = samples[2 * bin->roi];
    bin->rows = samples[2 * bin->roi + 1];

    const Index plane = (Index)height * width;
    const int input = position_sensitive ? bin->channel * bins + number : bin->channel;
    bin->first = ((Index)images[bin->roi] * input_channels + input) * plane;
    bin->step = position_sensitive ? bins * plane : plane;
    bin->output = ((Index)bin->roi * channels + bin->channel) * bins + number;
    bin->stride = bins;
    return true;
}

// boxes: x and y where the first bin begins, a bin's width and height. samples: along x, along y.
// Budget: 80 registers: in double; in float 56 are enough
extern "C" __global__ void __launch_bounds__(256)
align(const Real* __restrict__ features,  // [batch * input_channels * height * width]
      const int* __restrict__ images,     // [rois]
      const Real* __restrict__ boxes,     // [rois * 4]
      const int* __restrict__ samples,    // [rois * 2]
      int batch, int input_channels, int height, int width, int rois, int channels, int bins_y,
      int bins_x, bool position_sensitive,
      Real* pooled)                       // [rois * channels * bins_y * bins_x]
{
    Bin bin;
    if (!find_bin(images, boxes, samples, input_channels, height, width, rois, channels, bins_y,
                  bins_x, position_sensitive, &bin)) return;
    Real sum[CHANNELS] = {};
    for (int row = 0; row < bin.rows; ++row) {
        const Real y = bin.y + (row + Real(0.5)) * bin.height / bin.rows;
        for (int column = 0; column < bin.columns; ++column) {
            const Real x = bin.x + (column + Real(0.5)) * bin.width / bin.columns;
            Corners corners;
            if (!find_corners(x, y, height, width, &corners)) continue;
            const Real* plane = features + bin.first;
            #pragma unroll
            for (int k = 0; k < CHANNELS; ++k, plane += bin.step)
                if (k < bin.count)
                    sum[k] += corners.weight[0] * plane[corners.place[0]] +
                              corners.weight[1] * plane[corners.place[1]] +
                              corners.weight[2] * plane[corners.place[2]] +
                              corners.weight[3] * plane[corners.place[3]];
        }
    }
    const int count = max(bin.rows * bin.columns, 1);
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k)
        if (k < bin.count) pooled[bin.output + k * bin.stride] = sum[k] / count;
}

// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
align_gradient(const Real* __restrict__ gradient,  // [rois * channels * bins_y * bins_x]
               const int* __restrict__ images,     // [rois]
               const Real* __restrict__ boxes,     // [rois * 4]
               const int* __restrict__ samples,    // [rois * 2]
               int batch, int input_channels, int height, int width, int rois, int channels,
               int bins_y, int bins_x, bool position_sensitive,
               Real* result)                       // [batch * input_channels * height * width]
{
    Bin bin;
    if (!find_bin(images, boxes, samples, input_channels, height, width, rois, channels, bins_y,
                  bins_x, position_sensitive, &bin)) return;
    const int count = max(bin.rows * bin.columns, 1);
    Real share[CHANNELS] = {};
    #pragma unroll
    for (int k = 0; k < CHANNELS; ++k)
        if (k < bin.count) share[k] = gradient[bin.output + k * bin.stride] / count;
    for (int row = 0; row < bin.rows; ++row) {
        const Real y = bin.y + (row + Real(0.5)) * bin.height / bin.rows;
        for (int column = 0; column < bin.columns; ++column) {
            const Real x = bin.x + (column + Real(0.5)) * bin.width / bin.columns;
            Corners corners;
            if (!find_corners(x, y, height, width, &corners)) continue;
            Real* plane = result + bin.first;
            #pragma unroll
            for (int k = 0; k < CHANNELS; ++k, plane += bin.step)
                if (k < bin.count)
                    for (int corner = 0; corner < 4; ++corner)
                        atomicAdd(&plane[corners.place[corner]], share[k] * corners.weight[corner]);
        }
    }
}
