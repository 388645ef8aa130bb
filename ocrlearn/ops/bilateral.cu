// Bilateral filtering (Tomasi and Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV
// 1998) and the Gaussian message of the fully connected CRF (Kraehenbuehl and Koltun, "Efficient
// Inference in Fully Connected CRFs with Gaussian Edge Potentials", NIPS 2011): one thread a pixel.
//
// A pixel reads a disc of neighbours, and the discs of a tile overlap nearly everywhere: each pixel
// is loaded from device memory into shared memory once a tile and read from there many times. Both
// kernels stream the neighbourhood through shared memory in pieces, so that a large radius needs
// more time but not more memory than a block has.
//
// Every neighbour costs one exponential, of the sum of both exponents. The special function unit
// computes it (__expf), 16 a clock on each multiprocessor, and that is the bound. A table of the 256
// range weights of a grey image would trade it for a shared memory read with bank conflicts, and for
// a second product with the spatial weight; it is not used.
//
// Images are planar, [channel][y][x], so that neighbouring threads read neighbouring addresses.
//
// Variants: CHANNELS=1, LABELS=1; CHANNELS=3, LABELS=1; CHANNELS=1, LABELS=2; CHANNELS=3, LABELS=2; CHANNELS=1, LABELS=4; CHANNELS=3, LABELS=4

#define TILE_WIDTH 32
#define TILE_HEIGHT 8
#define TILE_SIZE (TILE_WIDTH * TILE_HEIGHT)
#define BAND 8  // rows of the neighbourhood in shared memory at a time

// The weighted mean of each pixel's neighbours no farther than `radius`. The rows that the tile's
// pixels need, `radius` more above and below, pass through shared memory in bands.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
bilateral_filter(const float* image,  // [CHANNELS * height * width]
                 int height, int width, int radius,
                 float spatial_scale, float range_scale,  // 1 / (2 sigma^2)
                 float* filtered)     // [CHANNELS * height * width]
{
    extern __shared__ float band[];  // [CHANNELS][BAND][TILE_WIDTH + 2 * radius]
    int band_width = TILE_WIDTH + 2 * radius;
    int left = blockIdx.x * TILE_WIDTH, top = blockIdx.y * TILE_HEIGHT;
    int x = left + threadIdx.x, y = top + threadIdx.y;
    int thread = threadIdx.y * TILE_WIDTH + threadIdx.x;
    Index pixels = (Index)height * width;
    bool inside = x < width && y < height;

    float centre[CHANNELS], sum[CHANNELS], total = 0.f;
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) {
        centre[c] = inside ? image[c * pixels + (Index)y * width + x] : 0.f;
        sum[c] = 0.f;
    }

    int last_row = min(top + TILE_HEIGHT - 1 + radius, height - 1);
    for (int first = max(top - radius, 0); first <= last_row; first += BAND) {
        __syncthreads();  // all have done with the band before
        for (int i = thread; i < BAND * band_width; i += TILE_SIZE) {
            int row = first + i / band_width, column = left - radius + i % band_width;
            if (row > last_row || column < 0 || column >= width) continue;
#pragma unroll
            for (int c = 0; c < CHANNELS; ++c)
                band[c * BAND * band_width + i] = image[c * pixels + (Index)row * width + column];
        }
        __syncthreads();
        if (!inside) continue;
        int end = min(min(first + BAND - 1, y + radius), last_row);
        for (int row = max(first, y - radius); row <= end; ++row) {
            int dy = row - y;
            int reach = (int)sqrtf((float)(radius * radius - dy * dy));  // half the disc's chord
            int place = (row - first) * band_width + radius - left;
            for (int column = max(x - reach, 0); column <= min(x + reach, width - 1); ++column) {
                int dx = column - x;
                float value[CHANNELS], difference = 0.f;
#pragma unroll
                for (int c = 0; c < CHANNELS; ++c) {
                    value[c] = band[c * BAND * band_width + place + column];
                    difference += (value[c] - centre[c]) * (value[c] - centre[c]);
                }
                float weight =
                    __expf(-(dx * dx + dy * dy) * spatial_scale - difference * range_scale);
                total += weight;
#pragma unroll
                for (int c = 0; c < CHANNELS; ++c) sum[c] += weight * value[c];
            }
        }
    }
    if (!inside) return;
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c)  // the pixel itself has weight 1: total is not 0
        filtered[c * pixels + (Index)y * width + x] = sum[c] / total;
}

// The weighted sum, not the mean, of all pixels' values no farther than `radius`, for LABELS of the
// labels at a time. As in simulations of many bodies, tiles of sources pass through shared memory,
// and every thread adds up what each of them contributes to its pixel.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(256)
bilateral_message(const float* guide,   // [CHANNELS * height * width]
                  const float* values,  // [labels * height * width]
                  int labels, int height, int width, int radius,
                  float spatial_scale, float range_scale,  // 1 / (2 sigma^2)
                  float* message)       // [labels * height * width]
{
    __shared__ float guides[CHANNELS][TILE_SIZE];
    __shared__ float sources[LABELS][TILE_SIZE];
    int left = blockIdx.x * TILE_WIDTH, top = blockIdx.y * TILE_HEIGHT;
    int x = left + threadIdx.x, y = top + threadIdx.y;
    int thread = threadIdx.y * TILE_WIDTH + threadIdx.x;
    int first_label = blockIdx.z * LABELS;
    Index pixels = (Index)height * width;
    bool inside = x < width && y < height;

    float centre[CHANNELS], sum[LABELS];
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c)
        centre[c] = inside ? guide[c * pixels + (Index)y * width + x] : 0.f;
#pragma unroll
    for (int l = 0; l < LABELS; ++l) sum[l] = 0.f;

    int first_row = max(top - radius, 0) / TILE_HEIGHT * TILE_HEIGHT;
    int first_column = max(left - radius, 0) / TILE_WIDTH * TILE_WIDTH;
    int last_row = min(top + TILE_HEIGHT - 1 + radius, height - 1);
    int last_column = min(left + TILE_WIDTH - 1 + radius, width - 1);
    for (int tile_y = first_row; tile_y <= last_row; tile_y += TILE_HEIGHT) {
        for (int tile_x = first_column; tile_x <= last_column; tile_x += TILE_WIDTH) {
            int from_x = tile_x + threadIdx.x, from_y = tile_y + threadIdx.y;
            bool exists = from_x < width && from_y < height;
            Index from = (Index)from_y * width + from_x;
            __syncthreads();  // all have done with the tile before
#pragma unroll
            for (int c = 0; c < CHANNELS; ++c)
                guides[c][thread] = exists ? guide[c * pixels + from] : 0.f;
#pragma unroll
            for (int l = 0; l < LABELS; ++l) {
                bool label_exists = exists && first_label + l < labels;
                sources[l][thread] =
                    label_exists ? values[(first_label + l) * pixels + from] : 0.f;
            }
            __syncthreads();

            // A sum of its own for every tile: adding many small terms to a large sum loses digits.
            float part[LABELS];
#pragma unroll
            for (int l = 0; l < LABELS; ++l) part[l] = 0.f;
            for (int i = 0; i < TILE_SIZE; ++i) {
                int dx = tile_x + i % TILE_WIDTH - x, dy = tile_y + i / TILE_WIDTH - y;
                int squared = dx * dx + dy * dy;
                if (squared > radius * radius) continue;
                float difference = 0.f;
#pragma unroll
                for (int c = 0; c < CHANNELS; ++c)
                    difference += (guides[c][i] - centre[c]) * (guides[c][i] - centre[c]);
                float weight = __expf(-squared * spatial_scale - difference * range_scale);
#pragma unroll
                for (int l = 0; l < LABELS; ++l) part[l] += weight * sources[l][i];
            }
#pragma unroll
            for (int l = 0; l < LABELS; ++l) sum[l] += part[l];
        }
    }
    if (!inside) return;
#pragma unroll
    for (int l = 0; l < LABELS; ++l)
        if (first_label + l < labels)
            message[(first_label + l) * pixels + (Index)y * width + x] = sum[l];
}
