// Normalised cross-correlation: the sum of products of a template with every window, directly, and
// the division by the windows' contrast. The summed-area tables come from integral.cu.
//
// correlate is bound by arithmetic: h * w multiplications for each score. A block of 256 threads
// computes 32 x 64 scores. It takes the template in pieces of PIECE x PIECE taps, and holds one piece
// and the 79 x 47 pixels under it in 16 KB of shared memory. A thread keeps OUTPUTS scores, one below
// the other, in registers: going down a column of the piece, each pixel read serves OUTPUTS products,
// and the pixels of the next tap are the same ones moved up by a row. So 8 multiplications cost one
// read of a pixel, where neighbouring threads read neighbouring words, and one of a tap, which all
// threads share.
//
// Variants: Pixel=unsigned char,Sum=unsigned int,Wide=long long; Pixel=float,Sum=double,Wide=double; Pixel=unsigned char,Sum=long long,Wide=long long

#define OUTPUTS 8  // scores of a thread
#define PIECE 16   // taps of a piece of the template, along each axis
#define TILE_WIDTH 32
#define TILE_HEIGHT (8 * OUTPUTS)
#define UNDER_WIDTH (TILE_WIDTH + PIECE - 1)
#define UNDER_HEIGHT (TILE_HEIGHT + PIECE - 1)

// Pixels are taken less the image's mean: the template has none, so that the sums are the same, but
// of smaller numbers, with smaller rounding errors. Beyond image and template there are zeros.
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
correlate(const Pixel* __restrict__ image,  // [height * width]
          const float* __restrict__ mean,   // [1]
          int height, int width,
          const float* __restrict__ wanted,  // [template_height * template_width]
          int template_height, int template_width,
          float* __restrict__ numerator)  // [(height - template_height + 1) * (width - template_width + 1)]
{
    __shared__ float under[UNDER_HEIGHT][UNDER_WIDTH];
    __shared__ float taps[PIECE][PIECE];  // [column][row]: read down the columns
    int rows = height - template_height + 1, columns = width - template_width + 1;
    int left = blockIdx.x * TILE_WIDTH, top = blockIdx.y * TILE_HEIGHT;
    int thread = threadIdx.y * TILE_WIDTH + threadIdx.x;
    float offset = mean[0];
    float sums[OUTPUTS] = {};

    for (int piece_y = 0; piece_y < template_height; piece_y += PIECE)
        for (int piece_x = 0; piece_x < template_width; piece_x += PIECE) {
            for (int i = thread; i < UNDER_HEIGHT * UNDER_WIDTH; i += 256) {
                int y = i / UNDER_WIDTH, x = i % UNDER_WIDTH;
                int from_y = top + piece_y + y, from_x = left + piece_x + x;
                bool inside = from_y < height && from_x < width;
                under[y][x] = inside ? (float)image[(Index)from_y * width + from_x] - offset : 0.0f;
            }
            int tap_y = piece_y + thread / PIECE, tap_x = piece_x + thread % PIECE;  // 256 taps
            bool inside = tap_y < template_height && tap_x < template_width;
            taps[thread % PIECE][thread / PIECE] =
                inside ? wanted[(Index)tap_y * template_width + tap_x] : 0.0f;
            __syncthreads();

            const float* column = &under[threadIdx.y * OUTPUTS][threadIdx.x];
            for (int dx = 0; dx < PIECE; ++dx, ++column) {
                float pixels[OUTPUTS];  // a ring: pixel y of the column is in pixels[y % OUTPUTS]
#pragma unroll
                for (int i = 0; i < OUTPUTS - 1; ++i) pixels[i] = column[i * UNDER_WIDTH];
#pragma unroll
                for (int dy = 0; dy < PIECE; ++dy) {
                    int next = dy + OUTPUTS - 1;
                    pixels[next % OUTPUTS] = column[next * UNDER_WIDTH];
                    float tap = taps[dx][dy];
#pragma unroll
                    for (int i = 0; i < OUTPUTS; ++i)
                        sums[i] = fmaf(tap, pixels[(dy + i) % OUTPUTS], sums[i]);
                }
            }
            __syncthreads();  // the next piece overwrites what other threads may still read
        }

    int x = left + threadIdx.x;
    for (int i = 0; i < OUTPUTS; ++i) {
        int y = top + threadIdx.y * OUTPUTS + i;
        if (x < columns && y < rows) numerator[(Index)y * columns + x] = sums[i];
    }
}

// Sum over the window whose top left corner is (y, x), by four look-ups. Unsigned sums may have
// wrapped around in the table; their difference is right.
__device__ Sum window_sum(const Sum* table, Index stride, int height, int width, int y, int x)
{
    const Sum* upper = table + (Index)y * stride + x;
    const Sum* lower = upper + (Index)height * stride;
    return lower[width] - upper[width] - lower[0] + upper[0];
}

// One thread a score. In Wide, n^2 times the variance is exact for uint8 images, and so 0 for a flat
// window. `scale` is 1 / the norm of the template.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
normalise(const Sum* __restrict__ sums,     // [(height + 1) * (width + 1)]
          const Sum* __restrict__ squares,  // [(height + 1) * (width + 1)]
          int height, int width, int template_height, int template_width,
          const float* __restrict__ numerator,  // [origin + (height - template_height) * stride + width - template_width + 1]
          Index origin, int stride,  // the first window's numerator, and the length of its rows
          const double* __restrict__ scale,  // [1]
          double flat_variance,
          float* __restrict__ scores)  // [(height - template_height + 1) * (width - template_width + 1)]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    int rows = height - template_height + 1, columns = width - template_width + 1;
    if (x >= columns || y >= rows) return;
    Wide pixels = (Wide)template_height * template_width;
    Wide sum = window_sum(sums, (Index)width + 1, template_height, template_width, y, x);
    Wide square = window_sum(squares, (Index)width + 1, template_height, template_width, y, x);
    Wide contrast = pixels * square - sum * sum;
    float score = 0.0f;
    if ((double)contrast > flat_variance * (double)(pixels * pixels)) {
        float factor = (float)(scale[0] * sqrt((double)pixels));
        score = numerator[origin + (Index)y * stride + x] * factor / sqrtf((float)contrast);
    }
    scores[(Index)y * columns + x] = fminf(fmaxf(score, -1.0f), 1.0f);
}
