// Histograms of oriented gradients in one kernel: from the pixels to the normalised blocks.
//
// A pixel takes part in up to BLOCK * BLOCK overlapping blocks and votes for four cells of each.
// Gradients, directions and histograms never leave shared memory: the image is read about once and
// the result is written once. One CUDA block describes a tile of TILE x TILE HoG blocks. It goes
// down the tile's pixels in bands of BAND rows, and in each of them
//
//   1. computes every pixel's direction and gradient length;
//   2. collects, for every row of pixels and every column of cells, the votes of that row: one
//      thread owns one such histogram, so no two threads ever add to the same counter, and the
//      result does not depend on their order;
//   3. adds the rows to the cells, one thread an entry, with their shares along y.
//
// At last every warp normalises blocks of its own. Sharing a vote among cells is a product of a
// share along x, used in step 2, and one along y, used in step 3; so is the Gaussian.
//
// All sizes are compiled in: the compiler then unrolls loops and knows the divisors. The host picks
// TILE and BAND so that 48 KB of shared memory suffice.
//
// Variants: CHANNELS=1,CELL=8,BLOCK=2,BINS=9,SIGNED=0,TILE=8,BAND=16; CHANNELS=3,CELL=8,BLOCK=2,BINS=9,SIGNED=1,TILE=8,BAND=16; CHANNELS=1,CELL=6,BLOCK=3,BINS=8,SIGNED=0,TILE=4,BAND=16

#define SIDE (BLOCK * CELL)                 // of a HoG block, in pixels
#define ENTRIES (BLOCK * BLOCK * BINS)      // of a HoG block
#define PIXELS ((TILE + BLOCK - 1) * CELL)  // side of a tile
#define PLACES (TILE * BLOCK)  // columns of cells, counted once for each block they are in
// Threads of a warp work on neighbouring rows. With odd distances they read different memory banks.
#define ROW_STRIDE (PIXELS | 1)
#define BIN_STRIDE (BINS | 1)
#define WARPS 8

// The gradient at (x, y), of the channel where it is longest; none across the image's border.
__device__ void gradient(const float* window, int height, int width, int y, int x,
                         float* gx, float* gy)
{
    Index row = (Index)width * CHANNELS;
    const float* pixel = window + y * row + x * CHANNELS;
    float longest = -1.0f;
    for (int channel = 0; channel < CHANNELS; ++channel) {
        const float* value = pixel + channel;
        float dx = x > 0 && x < width - 1 ? value[CHANNELS] - value[-CHANNELS] : 0.0f;
        float dy = y > 0 && y < height - 1 ? value[row] - value[-row] : 0.0f;
        float squared_length = dx * dx + dy * dy;
        if (squared_length > longest) {
            longest = squared_length;
            *gx = dx;
            *gy = dy;
        }
    }
}

// Where a direction lies among the bins: whole numbers at their centres, from -0.5 to BINS - 0.5.
__device__ float bin_position(float gx, float gy)
{
    const float pi = 3.14159265358979f;
    float angle = atan2f(gy, gx);
    if (angle < 0.0f) angle += SIGNED ? 2.0f * pi : pi;
    return angle / (SIGNED ? 2.0f * pi : pi) * BINS - 0.5f;
}

__device__ float sum_over_warp(float value)
{
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
describe(const float* windows,  // [count * height * width * CHANNELS]
         const float* shares,   // [BLOCK * BLOCK * CELL]
         int count, int height, int width, int rows, int cols, float clip, float epsilon,
         float* blocks)  // [count * rows * cols * BLOCK * BLOCK * BINS]
{
    __shared__ float2 votes[BAND][ROW_STRIDE];             // bin position and gradient length
    __shared__ float of_rows[PLACES][BAND][BIN_STRIDE];    // the votes of each row of pixels
    __shared__ float of_blocks[TILE * TILE * ENTRIES];     // the histograms
    __shared__ float share[BLOCK][SIDE];  // what a pixel along a block gives the cells along it
    int tiles_across = (cols + TILE - 1) / TILE, tiles_down = (rows + TILE - 1) / TILE;
    int left = blockIdx.x % tiles_across * TILE;
    int top = blockIdx.x / tiles_across % tiles_down * TILE;
    int n = blockIdx.x / tiles_across / tiles_down;
    int tile_cols = min(TILE, cols - left), tile_rows = min(TILE, rows - top);
    int pixels_across = (tile_cols + BLOCK - 1) * CELL;
    int pixels_down = (tile_rows + BLOCK - 1) * CELL;
    int entries = tile_rows * tile_cols * ENTRIES;
    const float* window = windows + (Index)n * height * width * CHANNELS;
    for (int i = threadIdx.x; i < entries; i += 256) of_blocks[i] = 0.0f;
    for (int i = threadIdx.x; i < BLOCK * SIDE; i += 256) share[i / SIDE][i % SIDE] = shares[i];

    for (int first_row = 0; first_row < pixels_down; first_row += BAND) {
        int band = min(BAND, pixels_down - first_row);
        // 1. Directions.
        for (int i = threadIdx.x; i < band * PIXELS; i += 256) {
            int row = i / PIXELS, col = i % PIXELS;
            if (col >= pixels_across) continue;
            float gx, gy;
            int y = top * CELL + first_row + row, x = left * CELL + col;
            gradient(window, height, width, y, x, &gx, &gy);
            votes[row][col] = make_float2(bin_position(gx, gy), sqrtf(gx * gx + gy * gy));
        }
        __syncthreads();

        // 2. Columns of cells. Column `near` of block `b` gets votes from half a cell around it.
        for (int i = threadIdx.x; i < tile_cols * BLOCK * BAND; i += 256) {
            int row = i % BAND, place = i / BAND, b = place / BLOCK, near = place % BLOCK;
            if (row >= band) continue;
            float* histogram = of_rows[place][row];
            for (int bin = 0; bin < BINS; ++bin) histogram[bin] = 0.0f;
            int begin = max(0, near * CELL - CELL / 2 - 1);
            int end = min(SIDE, (near + 1) * CELL + CELL / 2 + 1);
            for (int inside = begin; inside < end; ++inside) {
                float2 vote = votes[row][b * CELL + inside];
                float weight = share[near][inside] * vote.y;
                int lower = (int)floorf(vote.x);
                float upper = weight * (vote.x - lower);
                histogram[lower < 0 ? BINS - 1 : lower] += weight - upper;
                histogram[lower + 1 < BINS ? lower + 1 : 0] += upper;
            }
        }
        __syncthreads();

        // 3. Rows of cells.
        for (int i = threadIdx.x; i < entries; i += 256) {
            int bin = i % BINS, col = i / BINS % BLOCK, near = i / (BINS * BLOCK) % BLOCK;
            int b = i / ENTRIES, place = b % tile_cols * BLOCK + col;
            int block_row = b / tile_cols * CELL - first_row;  // in this band; may be outside it
            int begin = max(max(0, near * CELL - CELL / 2 - 1), -block_row);
            int end = min(min(SIDE, (near + 1) * CELL + CELL / 2 + 1), band - block_row);
            float sum = 0.0f;
            for (int inside = begin; inside < end; ++inside)
                sum += share[near][inside] * of_rows[place][block_row + inside][bin];
            of_blocks[i] += sum;
        }
        __syncthreads();
    }

    // L2-Hys: unit length, no entry above `clip`, unit length again.
    int lane = threadIdx.x % 32;
    for (int b = threadIdx.x / 32; b < tile_rows * tile_cols; b += WARPS) {
        const float* histogram = of_blocks + b * ENTRIES;
        float sum = 0.0f;
        for (int i = lane; i < ENTRIES; i += 32) sum += histogram[i] * histogram[i];
        float length = sqrtf(sum_over_warp(sum) + epsilon * epsilon);
        sum = 0.0f;
        for (int i = lane; i < ENTRIES; i += 32) {
            float entry = fminf(histogram[i] / length, clip);
            sum += entry * entry;
        }
        float clipped_length = sqrtf(sum_over_warp(sum) + epsilon * epsilon);
        Index place = ((Index)n * rows + top + b / tile_cols) * cols + left + b % tile_cols;
        for (int i = lane; i < ENTRIES; i += 32)
            blocks[place * ENTRIES + i] = fminf(histogram[i] / length, clip) / clipped_length;
    }
}
